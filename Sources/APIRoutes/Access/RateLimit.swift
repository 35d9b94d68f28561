import HTTP
import Synchronization

/// So many a minute for each client, and as many at once.
///
/// The generic cell rate algorithm: all that is kept of a client is when it would be even again. An IPv6 client counts by
/// its /64, because whoever has one address there has them all.
final class RateLimit: Sendable {
    /// How many clients are told apart; those beyond share one allowance.
    static let clientsMax = 65_536

    private struct State {
        var evenAt: [PeerAddress.Host: ContinuousClock.Instant] = [:]
        var othersEvenAt: ContinuousClock.Instant?
        var sweptAt: ContinuousClock.Instant?
    }

    private let interval: Duration
    private let burst: Duration
    private let clientsMax: Int
    private let state = Mutex(State())

    init(perMinute count: Int, clientsMax: Int = clientsMax) {
        precondition(count > 0)
        interval = .seconds(60) / count
        burst = interval * (count - 1)
        self.clientsMax = clientsMax
    }

    /// Takes one, or says after how many seconds there is one.
    func take(_ host: PeerAddress.Host, at now: ContinuousClock.Instant) -> Int? {
        let client = host.isIPv4 ? host : host.masked(64)
        return state.withLock { state in
            if let evenAt = state.evenAt[client] {
                return take(evenAt, now) { state.evenAt[client] = $0 }
            }
            if state.evenAt.count >= clientsMax { sweep(&state, now) }
            guard state.evenAt.count < clientsMax else {
                return take(state.othersEvenAt ?? now, now) { state.othersEvenAt = $0 }
            }
            return take(now, now) { state.evenAt[client] = $0 }
        }
    }

    private func take(
        _ evenAt: ContinuousClock.Instant,
        _ now: ContinuousClock.Instant,
        _ keep: (ContinuousClock.Instant) -> Void
    ) -> Int? {
        let start = max(evenAt, now)
        let wait = start - now - burst
        guard wait <= .zero else {
            let (seconds, attoseconds) = wait.components
            return Int(seconds) + (attoseconds > 0 ? 1 : 0)
        }
        keep(start + interval)
        return nil
    }

    /// Forgets those who are even; a look at all of them, so at most once a second.
    private func sweep(_ state: inout State, _ now: ContinuousClock.Instant) {
        if let sweptAt = state.sweptAt, now - sweptAt < .seconds(1) { return }
        state.sweptAt = now
        state.evenAt = state.evenAt.filter { $0.value > now }
    }
}
