// swift-tools-version: 6.2
import PackageDescription

/// For targets that call C: as strict as the compiler gets without forbidding unsafe expressions.
let wraps: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // The hot path crosses four modules; without this each crossing is an opaque call.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]
/// For all others: an unsafe expression does not compile.
let pure = wraps + [.strictMemorySafety()]

let package = Package(
    name: "holdfast",
    products: [.executable(name: "api", targets: ["api"])],
    targets: [
        // The program, from the outside in.
        .executableTarget(name: "api", dependencies: ["App", "CLI"], swiftSettings: pure),
        .target(
            name: "App",
            dependencies: ["APIRoutes", "CLI", "HTTPServer", "Logging", "SQLite", "Schema", "Storage"],
            swiftSettings: pure
        ),
        .target(
            name: "APIRoutes",
            dependencies: ["Domain", "HTTP", "JSON", "Logging"],
            resources: [.embedInCode("Resources")],
            swiftSettings: pure
        ),
        .target(name: "Storage", dependencies: ["Domain", "SQLite"], swiftSettings: pure),
        .target(name: "Domain", swiftSettings: pure),
        .target(name: "Schema", dependencies: ["SQLite"], swiftSettings: pure),

        // Libraries that know nothing of tasks and users.
        .target(name: "HTTP", swiftSettings: pure),
        .target(name: "HTTPServer", dependencies: ["CLinux", "HTTP"], swiftSettings: wraps),
        .target(name: "JSON", swiftSettings: pure),
        .target(name: "SQLite", dependencies: ["CSQLite"], swiftSettings: wraps),
        .target(name: "Logging", dependencies: ["JSON"], swiftSettings: wraps),
        .target(name: "CLI", dependencies: ["JSON"], swiftSettings: wraps),
        .target(name: "ObjectStore", dependencies: ["Crypto", "Files", "HTTPClient"], swiftSettings: pure),
        .target(name: "HTTPClient", dependencies: ["CCurl"], swiftSettings: wraps),
        .target(name: "Crypto", dependencies: ["COpenSSL"], swiftSettings: wraps),
        .target(name: "Files", swiftSettings: wraps),

        // C, through module maps.
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        .testTarget(name: "CryptoTests", dependencies: ["Crypto"], swiftSettings: wraps),
        .testTarget(
            name: "HTTPClientTests",
            dependencies: ["HTTPClient", "StoreTestSupport"],
            swiftSettings: wraps
        ),
        .testTarget(
            name: "ObjectStoreTests",
            dependencies: ["Crypto", "Files", "HTTPClient", "ObjectStore", "StoreTestSupport"],
            swiftSettings: wraps
        ),
        .target(name: "StoreTestSupport", path: "Tests/StoreTestSupport", swiftSettings: wraps),
    ]
)
