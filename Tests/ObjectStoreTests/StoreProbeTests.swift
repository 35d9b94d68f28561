import ObjectStore
import StoreTestSupport
import Testing

@Suite struct StoreProbeTests {
    @Test(arguments: StoreUnderTest.creatingOnce)
    func `a store that creates once is found fit, and nothing of the probe stays`(kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let verdict = try await StoreProbe(store).run()
            let left = try await store.listAll("")
            #expect(verdict == .createsOnce)
            #expect(left == [])
        }
    }

    @Test(.enabled(if: RealPeer.rclone.isWanted))
    func `a store that ignores the condition is noticed, and nothing of the probe stays`() async throws {
        try await StoreUnderTest.rclone.withStore { store in
            let verdict = try await StoreProbe(store).run()
            let left = try await store.listAll("")
            #expect(verdict == .overwrites("it created a key that was there"))
            #expect(left == [])
        }
    }
}
