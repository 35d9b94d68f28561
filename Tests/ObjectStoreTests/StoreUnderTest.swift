import Foundation
import HTTPClient
import ObjectStore
import StoreTestSupport
import Testing

/// The stores that the contract is for.
enum StoreUnderTest: String, CaseIterable, CustomTestStringConvertible {
    case file

    static var wanted: [StoreUnderTest] { allCases.filter(\.isWanted) }

    var testDescription: String { rawValue }

    private var isWanted: Bool { true }

    /// Runs `body` with an empty store.
    func withStore(_ body: (any ObjectStore) async throws -> Void) async throws {
        try await withStores(["p"]) { try await body($0[0]) }
    }

    /// Runs `body` with empty stores at these prefixes of one new place.
    func withStores(_ prefixes: [String], _ body: ([any ObjectStore]) async throws -> Void) async throws {
        switch self {
        case .file:
            try await withTemporaryFolder { folder in
                try await body(prefixes.map { FileStore(root: "\(folder)/\($0)") })
            }
        }
    }

    /// Whether keys are names without structure, as opposed to paths.
    var isFlat: Bool { self != .file }

    /// Whether the server behind the store is known to keep this key as it is.
    func allows(_ key: String) -> Bool { true }
}

/// Expects `body` to fail with this kind of error.
func expect<Value>(
    _ kind: ObjectStoreError.Kind,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Value
) async {
    do {
        _ = try await body()
        Issue.record("succeeded, where \(kind) was expected", sourceLocation: sourceLocation)
    } catch {
        let found = (error as? ObjectStoreError)?.kind
        #expect(found == kind, "\(error)", sourceLocation: sourceLocation)
    }
}
