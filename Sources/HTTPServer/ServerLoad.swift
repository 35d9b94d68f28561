internal import HTTP
internal import Synchronization

/// What all loops together carry, and the bounds on it.
final class ServerLoad: Sendable {
    private let connectionsMax: Int
    private let connectionsPerAddressMax: Int
    private let inFlightMax: Int
    private let connections = Atomic<Int>(0)
    private let inFlight = Atomic<Int>(0)
    private let byAddress = Mutex<[PeerAddress.Host: Int]>([:])

    init(_ configuration: ServerConfiguration) {
        connectionsMax = configuration.connectionsMax
        connectionsPerAddressMax = configuration.connectionsPerAddressMax
        inFlightMax = configuration.inFlightMax
    }

    var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// False if the connection may not stay; then ``dropConnection(from:)`` must not be called for it.
    func addConnection(from host: PeerAddress.Host) -> Bool {
        guard connections.add(1, ordering: .relaxed).newValue <= connectionsMax else {
            connections.subtract(1, ordering: .relaxed)
            return false
        }
        let fits = byAddress.withLock { counts in
            let count = counts[host, default: 0]
            guard count < connectionsPerAddressMax else { return false }
            counts[host] = count + 1
            return true
        }
        if !fits { connections.subtract(1, ordering: .relaxed) }
        return fits
    }

    func dropConnection(from host: PeerAddress.Host) {
        connections.subtract(1, ordering: .relaxed)
        byAddress.withLock { counts in
            guard let count = counts[host], count > 1 else {
                counts[host] = nil
                return
            }
            counts[host] = count - 1
        }
    }

    var inFlightCount: Int { inFlight.load(ordering: .relaxed) }

    /// Whether another request may be given to a handler that might not answer at once.
    var hasRoomInFlight: Bool { inFlight.load(ordering: .relaxed) < inFlightMax }

    func addInFlight() { inFlight.add(1, ordering: .relaxed) }

    func dropInFlight() { inFlight.subtract(1, ordering: .relaxed) }
}
