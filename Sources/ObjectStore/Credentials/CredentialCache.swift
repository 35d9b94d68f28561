/// Something that proves an identity for a while.
protocol ExpiringCredential: Sendable {
    /// Nil when it stays good.
    var expiresAt: StoreTime? { get }
}

/// Fetches credentials when they are needed, once for all who wait, and again before they expire.
///
/// Nothing happens between calls: a process that is idle asks nobody.
actor CredentialCache<Credential: ExpiringCredential> {
    private let fetch: @Sendable () async throws(CredentialError) -> Credential
    private let clock: StoreClock
    private var current: Credential?
    private var fetching: Task<Result<Credential, CredentialError>, Never>?
    /// After a failed refresh of credentials that are still good: not before this.
    private var refreshNotBefore: StoreTime?

    /// So long before they expire, credentials are replaced; long enough for a slow request that carries them.
    static var refreshAhead: Duration { .seconds(300) }
    static var refreshPause: Duration { .seconds(30) }

    init(clock: StoreClock, fetch: @escaping @Sendable () async throws(CredentialError) -> Credential) {
        (self.clock, self.fetch) = (clock, fetch)
    }

    func credential() async throws(CredentialError) -> Credential {
        let now = clock.now()
        if let current {
            guard let expiresAt = current.expiresAt, now + Self.refreshAhead >= expiresAt else { return current }
            if let refreshNotBefore, now < refreshNotBefore, now < expiresAt { return current }
        }
        switch await fetched() {
        case .success(let fresh): return fresh
        case .failure(let error):
            guard let current, let expiresAt = current.expiresAt, now < expiresAt else { throw error }
            refreshNotBefore = now + Self.refreshPause
            return current
        }
    }

    /// Forgets what the store no longer accepts; false when there is nothing that could be fetched anew.
    func renew() -> Bool {
        // Credentials without an end come from the configuration, and would come from there again.
        guard current?.expiresAt != nil else { return false }
        current = nil
        return true
    }

    /// The fetch under way, or a new one; a caller that is cancelled does not end it for the others.
    private func fetched() async -> Result<Credential, CredentialError> {
        if let fetching { return await fetching.value }
        let fetch = fetch
        let task = Task { await Result(catchingAsync: fetch) }
        fetching = task
        let result = await task.value
        fetching = nil
        if case .success(let fresh) = result { (current, refreshNotBefore) = (fresh, nil) }
        return result
    }
}

extension Result {
    init(catchingAsync body: () async throws(Failure) -> Success) async {
        do throws(Failure) { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
