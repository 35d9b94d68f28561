internal import HTTPClient

/// Sends requests to a cloud store: signs each attempt anew, judges the answer, and tries again where that is safe.
struct CloudClient: Sendable {
    let http: HTTPClient
    let storeName: String
    let authorizer: any RequestAuthorizer
    let retry: RetryPolicy
    let clock: StoreClock
    let limits: TransferLimits
    let verifiesTLS: Bool

    /// The answer that `judge` had nothing against.
    ///
    /// `describe` is asked before every attempt, so that what an answer taught can change the next request.
    func send(
        _ describe: () -> CloudRequest,
        judge: (CloudRequest, ClientAnswer) -> Rejection?
    ) async throws(ObjectStoreError) -> ClientAnswer {
        let start = clock.elapsed()
        var attempt = 0
        var remediesLeft: [Rejection.Remedy] = [.renewCredentials, .repeatAtOnce]
        var mayBeApplied = false
        while true {
            attempt += 1
            let request = describe()
            let outcome = await answer(to: request)
            let error: ObjectStoreError
            switch outcome {
            case .failure(let failure): error = failure
            case .success(let answer):
                guard let rejection = judge(request, answer) else { return answer }
                error = self.error(rejection, request, answer)
                if let place = remediesLeft.firstIndex(of: rejection.remedy) {
                    remediesLeft.remove(at: place)
                    if rejection.remedy == .repeatAtOnce { continue }
                    if await authorizer.renew() { continue }
                }
            }
            let delay = retry.delay(
                afterAttempt: attempt,
                retryAfter: error.retryAfter,
                elapsed: clock.elapsed() - start,
                chance: clock.random()
            )
            // Whatever the last attempt met, an earlier one may have done it. (A deletion that finds nothing did.)
            mayBeApplied = mayBeApplied || error.kind == .ambiguous
            let final = mayBeApplied && error.kind != .notFound ? error.of(kind: .ambiguous) : error
            guard request.effect.allowsRetry(after: error.kind), let delay else { throw final }
            // Cancelled while it waits: what is known by now is the outcome of the call.
            guard await isSlept(delay) else { throw final }
        }
    }

    private func isSlept(_ delay: Duration) async -> Bool {
        do { try await clock.sleep(delay) } catch { return false }
        return true
    }

    private func answer(
        to request: CloudRequest
    ) async -> Result<ClientAnswer, ObjectStoreError> {
        let signed: CloudRequest
        do throws(CredentialError) { signed = try await authorizer.authorize(request, at: clock.now()) } catch {
            return .failure(self.error(error, request))
        }
        var sent = ClientRequest(
            request.method,
            signed.url,
            headers: signed.headers,
            body: signed.body,
            limits: limits,
            answerBytesMax: signed.answerBytesMax
        )
        sent.verifiesTLS = verifiesTLS
        do throws(TransferError) { return .success(try await http.send(sent)) } catch {
            return .failure(self.error(error, request))
        }
    }

    // MARK: Errors

    private func error(_ rejection: Rejection, _ request: CloudRequest, _ answer: ClientAnswer) -> ObjectStoreError {
        // Behind a 5xx to a write there may still be a machine at work.
        let isUnknown = request.effect != .reads && answer.status >= 500
        return ObjectStoreError(
            isUnknown ? .ambiguous : rejection.kind,
            request.operation,
            key: request.key,
            store: storeName,
            rejection.detail,
            advice: rejection.advice,
            storeTime: answer.storeTime,
            retryAfter: answer.retryAfter
        )
    }

    private func error(_ failure: CredentialError, _ request: CloudRequest) -> ObjectStoreError {
        let kind: ObjectStoreError.Kind =
            switch failure.reason {
            case .cancelled: .cancelled
            case .unreachable: .unreachable
            case .unusable: .credentials
            }
        return ObjectStoreError(
            kind,
            request.operation,
            key: request.key,
            store: storeName,
            failure.message,
            advice: failure.advice
        )
    }

    private func error(_ failure: TransferError, _ request: CloudRequest) -> ObjectStoreError {
        let (kind, advice): (ObjectStoreError.Kind, String?) =
            switch failure.reason {
            case .invalidRequest: (.misconfigured, "check the bucket's name and the endpoint")
            case .noCABundle: (.misconfigured, nil)
            case .certificate:
                (
                    .misconfigured,
                    "if the server uses a certificate authority of its own, set SSL_CERT_FILE to a PEM file with it"
                )
            case .cancelled where failure.delivery == .neverSent || request.effect == .reads: (.cancelled, nil)
            case .answerTooLarge where request.effect == .reads: (.tooLarge, nil)
            default: (kind(failure.delivery, request.effect), nil)
            }
        return ObjectStoreError(
            kind,
            request.operation,
            key: request.key,
            store: storeName,
            "\(request.origin): \(failure)",
            advice: advice
        )
    }

    private func kind(_ delivery: TransferError.Delivery, _ effect: RequestEffect) -> ObjectStoreError.Kind {
        switch (delivery, effect) {
        case (.neverSent, _): .unreachable
        case (.maybeApplied, .reads): .unreachable
        case (.answered, .reads): .damaged
        case (.maybeApplied, _), (.answered, _): .ambiguous
        }
    }
}

extension ClientAnswer {
    var storeTime: StoreTime? { header("date").flatMap(StoreTime.init(httpDate:)) }

    /// How long the server asks to be left alone, from either form of `Retry-After`.
    var retryAfter: Duration? {
        guard let text = header("retry-after") else { return nil }
        if let seconds = Int(text) { return (0...86400).contains(seconds) ? .seconds(seconds) : nil }
        guard let until = StoreTime(httpDate: text), let now = storeTime else { return nil }
        return max(.zero, until.since(now))
    }
}
