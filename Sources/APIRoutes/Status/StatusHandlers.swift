import Domain
import HTTP
import JSON
import Logging

/// `/status.json` and what it shows; the page at `/status` reads it again and again.
struct StatusHandlers: Sendable {
    let status: @Sendable () async throws -> ServiceStatus

    func add(to routes: inout RouteTable) {
        routes.add(.get, "/status.json", Route(logLevel: .debug) { _ in try await show() })
    }

    private func show() async throws -> Response {
        let status = try await status()
        var json = JSONWriter(capacity: 1024)
        json.beginObject()
        json.key("version")
        json.string(Version.current)
        json.key("instance")
        json.string(status.instanceID)
        json.key("uptime_seconds")
        json.integer(status.uptime.components.seconds)
        json.key("durability")
        json.string(status.durability)
        json.key("database")
        json.database(status.database)
        json.key("replicas")
        json.beginArray()
        for replica in status.replicas { json.replica(replica, status.uptime) }
        json.endArray()
        json.key("restore_proof")
        if let proof = status.proof { json.proof(proof) } else { json.null() }
        json.endObject()
        var response = Response.json(.ok, json)
        response.add("Cache-Control", "no-store")
        return response
    }
}

extension JSONWriter {
    fileprivate mutating func database(_ database: ServiceStatus.Database) {
        beginObject()
        key("bytes")
        integer(database.bytes)
        key("wal_bytes")
        integer(database.walBytes)
        key("journal_mode")
        string(database.journalMode)
        key("schema")
        string(database.schema)
        key("tables")
        beginArray()
        for table in database.tables {
            beginObject()
            key("name")
            string(table.name)
            key("rows")
            optional(table.rowCount)
            endObject()
        }
        endArray()
        endObject()
    }

    fileprivate mutating func replica(_ replica: ServiceStatus.Replica, _ uptime: Duration) {
        beginObject()
        key("name")
        string(replica.name)
        key("state")
        string(replica.state.rawValue)
        key("problem")
        if let problem = replica.problem { string(problem) } else { null() }
        key("is_gate")
        bool(replica.isGate)
        key("lag_milliseconds")
        // Rounded up: 0 says that nothing is missing.
        optional(replica.lagSeconds.map { Int64(($0 * 1000).rounded(.up)) })
        key("txid")
        if let txid = replica.txid { hexadecimal(txid) } else { null() }
        key("snapshot_time_ms")
        optional(replica.snapshotTime)
        key("usage")
        if let usage = replica.usage { self.usage(usage) } else { null() }
        key("estimate")
        if let usage = replica.usage, let prices = replica.prices {
            beginObject()
            key("prices")
            string(prices.name)
            key("cents_a_month")
            optional(prices.monthlyDollars(usage, over: uptime).map { Int64(($0 * 100).rounded(.up)) })
            endObject()
        } else {
            null()
        }
        endObject()
    }

    private mutating func usage(_ usage: StoreUsage) {
        beginObject()
        key("write_requests")
        integer(Int64(clamping: usage.writeRequestCount))
        key("read_requests")
        integer(Int64(clamping: usage.readRequestCount))
        key("sent_bytes")
        integer(Int64(clamping: usage.sentBytes))
        key("received_bytes")
        integer(Int64(clamping: usage.receivedBytes))
        key("stored_bytes")
        optional(usage.storedBytes)
        endObject()
    }

    fileprivate mutating func proof(_ proof: ServiceStatus.Proof) {
        beginObject()
        key("succeeded")
        bool(proof.succeeded)
        key("time_ms")
        integer(proof.time)
        key("duration_ms")
        let (seconds, attoseconds) = proof.duration.components
        integer(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        key("detail")
        string(proof.detail)
        endObject()
    }

    private mutating func optional(_ value: Int64?) {
        if let value { integer(value) } else { null() }
    }

    private mutating func hexadecimal(_ txid: UInt64) {
        string(Receipt(txid: txid).text)
    }
}
