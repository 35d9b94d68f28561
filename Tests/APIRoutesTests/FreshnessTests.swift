import APIRoutes
import Domain
import HTTP
import Logging
import Metrics
import Synchronization
import Testing

/// What a read does before it reads, when a client or the operator wants it new.
@Suite struct FreshnessTests {
    /// Notes what it is asked for, and reaches as far as it is told.
    private final class FakeFreshness: ReadFreshness {
        let boundsStaleness: Bool
        let reachable: UInt64
        let asked = Mutex<[Receipt?]>([])

        init(boundsStaleness: Bool = false, reachable: UInt64 = .max) {
            (self.boundsStaleness, self.reachable) = (boundsStaleness, reachable)
        }

        func reach(_ receipt: Receipt?, within patience: Duration) async throws {
            asked.withLock { $0.append(receipt) }
            guard (receipt?.txid ?? 0) <= reachable else { throw AppError.notReplicated("Not here yet.") }
        }
    }

    private func get(_ path: String, _ field: String? = nil, _ freshness: FakeFreshness) async throws -> Response {
        let api = API(
            todos: NoTodos(),
            users: NoUsers(),
            pastes: NoPastes(),
            readiness: { .notReady("") },
            status: { ServiceStatus(instanceID: "", durability: "local", uptime: .zero) },
            freshness: freshness,
            metrics: Registry(),
            logger: Logger(level: .error, format: .json, descriptor: -1)
        )
        let made = try field.map { try request("GET \(path)", $0) } ?? request("GET \(path)")
        let peer = PeerAddress(host: PeerAddress.Host(ipv4: 0x7F00_0001), port: 1)
        return await api.respond(to: made, context: RequestContext(peer: peer, receivedAt: .now))
    }

    @Test(arguments: ["/tasks", "/tasks/1", "/users", "/users/1", "/AAAAAAAA"])
    func `every read of data asks for the state that its client names`(path: String) async throws {
        let freshness = FakeFreshness()
        _ = try await get(path, "X-Min-TXID: 00000000000001af", freshness)
        #expect(freshness.asked.withLock { $0 } == [Receipt(txid: 0x1AF)])
    }

    @Test func `a read without a wish asks nothing, unless staleness is bounded`() async throws {
        let unbounded = FakeFreshness()
        _ = try await get("/tasks", nil, unbounded)
        #expect(unbounded.asked.withLock { $0 } == [])
        let bounded = FakeFreshness(boundsStaleness: true)
        _ = try await get("/tasks", nil, bounded)
        #expect(bounded.asked.withLock { $0 } == [nil])
    }

    @Test(arguments: ["/health", "/docs", "/metrics", "/nothing/there"])
    func `what shows no data asks nothing`(path: String) async throws {
        let freshness = FakeFreshness(boundsStaleness: true)
        _ = try await get(path, "X-Min-TXID: 00000000000001af", freshness)
        #expect(freshness.asked.withLock { $0 } == [])
    }

    @Test func `a state that is not here is 503, with the time to try again`() async throws {
        let response = try await get("/tasks", "X-Min-TXID: 0000000000000002", FakeFreshness(reachable: 1))
        #expect(response.status == .unavailable)
        #expect(String(decoding: response.body, as: UTF8.self).contains("/docs#problem-not-yet-replicated"))
        #expect(String(decoding: response.fields, as: UTF8.self).contains("Retry-After: 1\r\n"))
    }

    @Test(arguments: ["", "1", "00000000000001AF", "00000000000001af0"])
    func `what is no receipt is a malformed request, and asks nothing`(text: String) async throws {
        let freshness = FakeFreshness()
        let response = try await get("/tasks", "X-Min-TXID: \(text)", freshness)
        #expect(response.status == .badRequest)
        #expect(freshness.asked.withLock { $0 } == [])
    }
}
