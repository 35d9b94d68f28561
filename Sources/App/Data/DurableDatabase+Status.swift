import APIRoutes
import LTX
import ObjectStore
import Replication

extension DurableDatabase {
    /// The name under which this process writes to the log, if there is one.
    var writerID: UInt64? { backing?.log.log.writerID }

    /// How the last restore proof went, if there was one.
    var lastProof: ServiceStatus.Proof? { backing?.proofs?.last }

    /// How the replicas are, the log first; asks no store.
    var replicaStatuses: [ServiceStatus.Replica] {
        guard let backing else { return [] }
        return [backing.logStatus(durability)] + backing.followers.map(\.serviceStatus)
    }
}

extension Backing {
    fileprivate func logStatus(_ durability: ReplicationConfiguration.Durability) -> ServiceStatus.Replica {
        let (halt, problem) = (log.log.halt.map { "\($0)" }, log.problem)
        let state: ServiceStatus.Replica.State = halt != nil ? .stopped : problem != nil ? .failing : .ok
        var status = ServiceStatus.Replica(replica, state, upkeep)
        status.problem = halt ?? problem
        status.isGate = durability == .replicated
        // Under the gate, nothing that anybody was told is not there.
        status.lagSeconds = (asyncGate?.lag ?? .zero) / .seconds(1)
        status.txid = log.position?.txid.rawValue
        return status
    }
}

extension Follower {
    fileprivate var serviceStatus: ServiceStatus.Replica {
        let found = status
        let state: ServiceStatus.Replica.State =
            found.hasDiverged ? .stopped : found.problem != nil ? .failing : found.txid == nil ? .starting : .ok
        var status = ServiceStatus.Replica(store, state, upkeep)
        status.problem = found.problem
        status.lagSeconds = lag / .seconds(1)
        status.txid = found.txid?.rawValue
        return status
    }
}

extension ServiceStatus.Replica {
    fileprivate init(_ replica: ReplicaStore, _ state: State, _ upkeep: Upkeep) {
        self.init(name: replica.name, state: state)
        let summary = upkeep.summary
        snapshotTime = summary?.lastSnapshot?.timeMilliseconds
        prices = replica.prices
        usage = StoreUsage(
            writeRequestCount: replica.metrics.requestCount(.create, .put, .list),
            readRequestCount: replica.metrics.requestCount(.get, .head),
            sentBytes: replica.metrics.sentBytes,
            receivedBytes: replica.metrics.receivedBytes,
            storedBytes: summary.map { Int64($0.byteCount) }
        )
    }
}
