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
        .executableTarget(
            name: "api",
            dependencies: [
                "APIRoutes", "App", "CLI", "Faults", "HTTP", "HTTPClient", "HTTPServer", "JSON", "LTX",
                "LitestreamConfiguration", "Logging", "ObjectStore", "Pages", "Processes", "Replication", "SQLite",
                "Schema", "Threads", "Torture",
            ],
            swiftSettings: pure
        ),
        .target(
            name: "App",
            dependencies: [
                "APIRoutes", "CLinux", "Domain", "Faults", "Files", "HTTPClient", "HTTPServer", "LTX", "Logging",
                "Metrics", "ObjectStore", "Replication", "SQLite", "Schema", "Storage", "Threads",
            ],
            swiftSettings: pure
        ),
        .target(
            name: "APIRoutes",
            dependencies: ["Crypto", "Domain", "HTTP", "JSON", "Logging", "Metrics", "Pages"],
            swiftSettings: pure
        ),
        .target(name: "Pages", dependencies: ["CPages"], swiftSettings: wraps),
        .target(name: "CPages", exclude: ["Files"]),
        .target(name: "Storage", dependencies: ["Domain", "SQLite"], swiftSettings: pure),
        .target(name: "Domain", swiftSettings: pure),
        .target(name: "Schema", dependencies: ["SQLite"], swiftSettings: pure),

        // Libraries that know nothing of tasks and users.
        .target(name: "HTTP", swiftSettings: pure),
        .target(name: "HTTPServer", dependencies: ["CLinux", "HTTP", "Threads"], swiftSettings: wraps),
        .target(name: "JSON", swiftSettings: pure),
        .target(name: "Metrics", swiftSettings: wraps),
        .target(
            name: "Replication",
            dependencies: ["Files", "LTX", "LZ4", "Metrics", "ObjectStore", "SQLite", "Threads", "WAL"],
            swiftSettings: pure
        ),
        .target(
            name: "LitestreamConfiguration",
            dependencies: ["ObjectStore", "YAML"],
            swiftSettings: pure
        ),
        .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: wraps),
        .target(name: "ObjectStore", dependencies: ["Crypto", "Files", "HTTPClient", "Metrics"], swiftSettings: pure),
        .target(name: "HTTPClient", dependencies: ["CCurl", "Threads"], swiftSettings: wraps),
        .target(name: "Crypto", dependencies: ["COpenSSL"], swiftSettings: wraps),
        .target(name: "Files", dependencies: ["CLinux"], swiftSettings: wraps),
        .target(name: "Faults", dependencies: ["LTX", "ObjectStore"], swiftSettings: pure),
        .target(name: "LTX", dependencies: ["LZ4"], swiftSettings: pure),
        .target(name: "LZ4", dependencies: ["CLZ4"], swiftSettings: wraps),
        .target(name: "WAL", swiftSettings: pure),
        .target(name: "SQLite", dependencies: ["CGate", "CLinux", "CSQLite", "Threads"], swiftSettings: wraps),
        // The only C with logic of its own: where SQLite syncs its log, it asks.
        .target(name: "CGate", dependencies: ["CSQLite"]),
        .target(name: "Logging", dependencies: ["JSON", "Threads"], swiftSettings: wraps),
        .target(name: "CLI", swiftSettings: wraps),
        .target(name: "Processes", dependencies: ["CLinux", "Threads"], swiftSettings: wraps),
        .target(
            name: "Torture",
            dependencies: [
                "Faults", "HTTPClient", "JSON", "LTX", "ObjectStore", "Processes", "Replication", "SQLite", "Threads",
            ],
            swiftSettings: pure
        ),
        .target(name: "Threads", dependencies: ["CLinux"], swiftSettings: wraps),

        // C, through module maps.
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // Tests.
        .testTarget(
            name: "APIRoutesTests",
            dependencies: ["APIRoutes", "Domain", "HTTP", "Logging", "Metrics", "Pages"],
            swiftSettings: wraps
        ),
        .testTarget(name: "CLITests", dependencies: ["CLI"], swiftSettings: wraps),
        .testTarget(name: "HTTPTests", dependencies: ["CHTTPParserOracle", "HTTP"], swiftSettings: wraps),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: ["HTTP", "HTTPServer", "TestSupport", "Threads"],
            swiftSettings: wraps
        ),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: wraps),
        // Another reader of the same bytes, from Debian's libhttp-parser-dev.
        .target(
            name: "CHTTPParserOracle",
            path: "Tests/CHTTPParserOracle",
            linkerSettings: [.linkedLibrary("http_parser")]
        ),
        // Our side of the tests in Tests/Interop, whose other side is the real Litestream.
        .executableTarget(
            name: "FormatsDriver",
            dependencies: ["LTX", "ObjectStore", "Replication", "WAL"],
            path: "Tests/Interop/Driver",
            swiftSettings: wraps
        ),
        .testTarget(
            name: "LTXTests",
            dependencies: ["LTX", "LZ4"],
            exclude: ["Fixtures"],
            swiftSettings: pure
        ),
        .testTarget(name: "LZ4Tests", dependencies: ["LZ4"], swiftSettings: pure),
        .testTarget(
            name: "ReplicationTests",
            dependencies: [
                "CSQLite", "Crypto", "Files", "HTTPClient", "LTX", "LZ4", "ObjectStore", "Replication", "SQLite",
                "StoreTestSupport", "TestSupport", "Threads", "WAL",
            ],
            exclude: ["Fixtures"],
            swiftSettings: wraps
        ),
        .testTarget(
            name: "LitestreamConfigurationTests",
            dependencies: ["LitestreamConfiguration", "ObjectStore", "YAML"],
            swiftSettings: wraps
        ),
        .testTarget(name: "WALTests", dependencies: ["CSQLite", "WAL"], swiftSettings: wraps),
        .testTarget(name: "CryptoTests", dependencies: ["Crypto"], swiftSettings: wraps),
        .testTarget(
            name: "HTTPClientTests",
            dependencies: ["HTTPClient", "StoreTestSupport"],
            swiftSettings: wraps
        ),
        .testTarget(
            name: "ObjectStoreTests",
            dependencies: ["Crypto", "Files", "HTTPClient", "Metrics", "ObjectStore", "StoreTestSupport"],
            swiftSettings: wraps
        ),
        .target(
            name: "StoreTestSupport",
            dependencies: ["ObjectStore"],
            path: "Tests/StoreTestSupport",
            swiftSettings: wraps
        ),
        .testTarget(name: "DomainTests", dependencies: ["Domain", "TestSupport"], swiftSettings: wraps),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "TestSupport"], swiftSettings: wraps),
        .testTarget(name: "LoggingTests", dependencies: ["Logging", "TestSupport"], swiftSettings: wraps),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics"], swiftSettings: wraps),
        .testTarget(name: "SchemaTests", dependencies: ["SQLite", "Schema", "TestSupport"], swiftSettings: wraps),
        .testTarget(name: "SQLiteTests", dependencies: ["SQLite", "TestSupport", "Threads"], swiftSettings: wraps),
        .testTarget(
            name: "FaultsTests",
            dependencies: ["Faults", "LTX", "ObjectStore", "StoreTestSupport"],
            swiftSettings: wraps
        ),
        .testTarget(
            name: "TortureTests",
            dependencies: ["Faults", "LTX", "Processes", "SQLite", "TestSupport", "Torture"],
            swiftSettings: wraps
        ),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Domain", "SQLite", "Schema", "Storage", "TestSupport"],
            swiftSettings: wraps
        ),
    ]
)
