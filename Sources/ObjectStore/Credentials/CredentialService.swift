internal import FoundationEssentials
internal import HTTPClient

/// Asks a service of the platform for credentials.
struct CredentialService: Sendable {
    let environment: StoreEnvironment
    /// What it is called in messages.
    let name: String
    /// Link-local services answer at once or not at all; STS is as far away as a store.
    var limits = TransferLimits(connect: .seconds(1), stall: .seconds(5), total: .seconds(10))
    var retry = RetryPolicy(attemptsMax: 3, deadline: .seconds(10))

    static let remoteLimits = TransferLimits(connect: .seconds(5), stall: .seconds(10), total: .seconds(20))

    /// The answer with status 200; a refusal fails at once, and anything that may pass is tried again.
    func send(
        _ method: ClientRequest.Method,
        _ url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        isLocal: Bool = true
    ) async throws(CredentialError) -> ClientAnswer {
        var request = ClientRequest(method, url, headers: headers, body: body, limits: limits)
        request.usesProxy = !isLocal
        let start = environment.clock.elapsed()
        var attempt = 0
        while true {
            attempt += 1
            let failure: CredentialError
            do throws(TransferError) {
                let answer = try await environment.http.send(request)
                guard answer.status != 200 else { return answer }
                failure = refusal(answer)
            } catch {
                let reason: CredentialError.Reason = error.reason == .cancelled ? .cancelled : .unreachable
                failure = CredentialError(reason, "\(name): \(error)")
            }
            let delay = environment.retry(retry, attempt, environment.clock.elapsed() - start)
            guard failure.reason == .unreachable, let delay else { throw failure }
            do { try await environment.clock.sleep(delay) } catch { throw failure }
        }
    }

    private func refusal(_ answer: ClientAnswer) -> CredentialError {
        let isPassing = answer.status >= 500 || answer.status == 429
        let detail = S3ErrorBody(answer)?.detail ?? OAuthError(answer)?.detail
        let message = "\(name) answered \(answer.status)" + (detail.map { ": \($0)" } ?? "")
        return CredentialError(isPassing ? .unreachable : .unusable, message)
    }

    /// The JSON of an answer; its text is never part of the error, for it holds secrets.
    func decode<Value: Decodable>(_ type: Value.Type, _ answer: ClientAnswer) throws(CredentialError) -> Value {
        do { return try JSONDecoder().decode(type, from: Data(answer.body)) } catch {
            throw CredentialError(.unusable, "\(name) answered with something that is not a credential")
        }
    }
}

extension StoreEnvironment {
    fileprivate func retry(_ policy: RetryPolicy, _ attempt: Int, _ elapsed: Duration) -> Duration? {
        policy.delay(afterAttempt: attempt, retryAfter: nil, elapsed: elapsed, chance: clock.random())
    }
}

/// How OAuth servers say no.
///
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
private struct OAuthError: Decodable {
    let error: String
    let errorDescription: String?

    enum CodingKeys: String, CodingKey {
        case error
        case errorDescription = "error_description"
    }

    init?(_ answer: ClientAnswer) {
        guard let value = try? JSONDecoder().decode(Self.self, from: Data(answer.body)) else { return nil }
        self = value
    }

    var detail: String { String((errorDescription.map { "\(error): \($0)" } ?? error).prefix(300)) }
}
