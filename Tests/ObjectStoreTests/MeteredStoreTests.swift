import Metrics
import ObjectStore
import StoreTestSupport
import Testing

@Suite struct MeteredStoreTests {
    @Test func `requests are counted by how they end, and bytes by their direction`() async throws {
        let registry = Registry()
        let metrics = StoreMetrics(registry, replica: "r")
        try await StoreUnderTest.file.withStore { plain in
            let store = MeteredStore(plain, metrics)
            _ = try await store.createIfAbsent("a", [1, 2, 3])
            await #expect(throws: ObjectStoreError.self) { _ = try await store.createIfAbsent("a", [4]) }
            _ = try await store.put("b", [1])
            #expect(try await store.get("a").bytes == [1, 2, 3])
            await #expect(throws: ObjectStoreError.self) { _ = try await store.get("missing") }
            #expect(try await store.head("a").size == 3)
            #expect(try await store.list(ListRequest(prefix: "")).objects.count == 2)
            _ = try await store.delete("a")
        }
        let text = String(decoding: registry.text(), as: UTF8.self)
        for (operation, result) in [
            ("create", "ok"), ("create", "exists"), ("put", "ok"), ("get", "ok"), ("get", "notFound"), ("head", "ok"),
            ("list", "ok"), ("delete", "ok"),
        ] {
            let labels = #"{replica="r",operation="\#(operation)",result="\#(result)"}"#
            #expect(text.contains("\nholdfast_object_store_requests_total\(labels) 1\n"), "\(labels)")
        }
        #expect(metrics.sentBytes == 4)
        #expect(metrics.receivedBytes == 3)
        #expect(metrics.requestCount(.create, .put) == 3)
    }
}
