package import ObjectStore
internal import YAML

/// What a `litestream.yml` says, of Litestream 0.3 or 0.5.
package struct LitestreamConfiguration: Sendable {
    package struct Database: Sendable {
        /// Absolute.
        package let path: String
        package let replicas: [Replica]
        /// How it is followed; nil where the default is good.
        package internal(set) var metaPath: String?
        package internal(set) var monitorInterval: Duration?
        package internal(set) var checkpointInterval: Duration?
        package internal(set) var checkpointPages: Int?
        package internal(set) var truncatePages: Int?
        package internal(set) var busyTimeout: Duration?
        package internal(set) var logBytesMax: Int?

        init(path: String, replicas: [Replica]) {
            (self.path, self.replicas) = (path, replicas)
        }
    }

    package struct Replica: Sendable {
        /// The name it was given, or its type.
        package let name: String
        package let settings: StoreSettings
        package internal(set) var syncInterval: Duration?
        package internal(set) var snapshotInterval: Duration?
        package internal(set) var retention: Duration?

        package init(name: String, settings: StoreSettings) {
            (self.name, self.settings) = (name, settings)
        }
    }

    /// What is said once for all databases.
    package struct Global: Sendable, Equatable {
        package init() {}

        /// Where metrics are served: `:9090`, `127.0.0.1:9090`.
        package internal(set) var metricsAddress: String?
        /// A program to run meanwhile.
        package internal(set) var command: String?
        package internal(set) var logLevel: String?
        package internal(set) var logType: String?
        package internal(set) var logsToStandardError = false
        /// The intervals of level 1 and those above.
        package internal(set) var levelIntervals: [Duration]?
        package internal(set) var snapshotInterval: Duration?
        package internal(set) var snapshotRetention: Duration?
        package internal(set) var l0Retention: Duration?
        package internal(set) var deletes = true
        package internal(set) var shutdownSyncTimeout: Duration?
    }

    package let global: Global
    package let databases: [Database]
    /// What was not understood and passed over, in words for whoever wrote it.
    package let warnings: [String]
    /// What was understood and has no effect on replication, in the same form.
    package let withoutEffect: [String]

    /// Reads the text of a configuration file.
    ///
    /// The variables stand for `$NAME` and `${NAME}` in it, and those that are not set for nothing; without any, nothing
    /// is replaced. Relative paths are below `folder`, and those with `~/` below `HOME`.
    package init(
        _ text: String,
        variables: [String: String]?,
        folder: String,
        home: String?
    ) throws(ConfigurationError) {
        var reader = ConfigurationReader(folder: folder, home: home)
        databases = try reader.databases(variables.map { Self.expand(text, $0) } ?? text)
        (global, warnings, withoutEffect) = (reader.global, reader.warnings, reader.withoutEffect)
    }

    /// Finds a database by its path as somebody types it.
    package func database(at path: String, folder: String, home: String?) -> Database? {
        let path = ConfigurationReader(folder: folder, home: home).absolute(path)
        return databases.first { $0.path == path }
    }

    /// Replaces variables in the text, as Litestream does: before anybody knows what is YAML.
    static func expand(_ text: String, _ variables: [String: String]) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "$") else {
                result.append(byte)
                continue
            }
            guard let name = takeName(&rest) else {
                result.append(byte)
                continue
            }
            result += (variables[name] ?? "").utf8
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Nil, with nothing taken, where a `$` stands for itself.
    private static func takeName(_ rest: inout ArraySlice<UInt8>) -> String? {
        if rest.first == UInt8(ascii: "{") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { return nil }
            let name = rest[(rest.startIndex + 1)..<end]
            guard !name.isEmpty, name.allSatisfy(isNameByte) else { return nil }
            rest = rest[(end + 1)...]
            return String(decoding: name, as: UTF8.self)
        }
        let name = rest.prefix(while: isNameByte)
        guard let first = name.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
        rest = rest.dropFirst(name.count)
        return String(decoding: name, as: UTF8.self)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

/// What is wrong with a configuration file.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// Counted from 1.
    package let line: Int
    package let message: String

    package var description: String { "line \(line): \(message)" }
}
