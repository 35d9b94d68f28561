internal import ObjectStore
internal import YAML

/// Turns a tree of YAML into settings, and complains about what it does not know.
struct ConfigurationReader {
    let folder: String
    let home: String?
    private(set) var warnings: [String] = []
    private(set) var withoutEffect: [String] = []
    private(set) var global = LitestreamConfiguration.Global()

    /// A mapping whose keys are known and whose values have been looked at.
    private struct Section {
        let line: Int
        var values: [String: YAMLNode] = [:]

        func text(_ key: String) -> String? {
            guard case .scalar(let text)? = values[key]?.content, !text.isEmpty, text != "~", text != "null" else {
                return nil
            }
            return text
        }

        func duration(_ key: String) -> Duration? { text(key).flatMap(ConfigurationValue.duration) }

        func integer(_ key: String) -> Int? { text(key).flatMap { Int($0) } }

        func flag(_ key: String) -> Bool? { text(key).flatMap(ConfigurationValue.flag) }
    }

    init(folder: String, home: String?) {
        (self.folder, self.home) = (folder, home)
    }

    mutating func databases(_ text: String) throws(ConfigurationError) -> [LitestreamConfiguration.Database] {
        let root: YAMLNode?
        do { root = try YAMLReader.read(text) } catch {
            throw ConfigurationError(line: error.line, message: error.problem)
        }
        guard let root else { return [] }
        let top = try section(root, "the file", ConfigurationKey.top)
        try readGlobal(top)
        var databases: [LitestreamConfiguration.Database] = []
        for item in try items(top.values["dbs"], "dbs") {
            let database = try database(item, defaults: top)
            guard !databases.contains(where: { $0.path == database.path }) else {
                throw ConfigurationError(line: item.line, message: "the database \(database.path) is twice there")
            }
            databases.append(database)
        }
        return databases
    }

    private mutating func database(
        _ node: YAMLNode,
        defaults: Section
    ) throws(ConfigurationError) -> LitestreamConfiguration.Database {
        let section = try section(node, "a database", ConfigurationKey.database)
        guard section.values["dir"] == nil else {
            throw ConfigurationError(line: node.line, message: "dir is not supported: name each database by its path")
        }
        guard let path = section.text("path") else {
            throw ConfigurationError(line: node.line, message: "a database needs a path")
        }
        let nodes = try items(section.values["replicas"], "replicas")
        let single = section.values["replica"]
        guard single == nil || nodes.isEmpty else {
            throw ConfigurationError(line: node.line, message: "a database has replica or replicas, not both")
        }
        var replicas: [LitestreamConfiguration.Replica] = []
        for item in nodes + (single.map { [$0] } ?? []) {
            let replica = try replica(item, defaults: defaults)
            guard !replicas.contains(where: { $0.name == replica.name }) else {
                let message = "two replicas are called \(replica.name); give each a name"
                throw ConfigurationError(line: item.line, message: message)
            }
            replicas.append(replica)
        }
        var database = LitestreamConfiguration.Database(path: absolute(path), replicas: replicas)
        database.metaPath = section.text("meta-path").map(absolute)
        database.monitorInterval = try positive(section, "monitor-interval")
        database.checkpointInterval = try positive(section, "checkpoint-interval")
        database.checkpointPages = try count(section, "min-checkpoint-page-count")
        database.truncatePages = section.integer("truncate-page-n")
        database.busyTimeout = try positive(section, "busy-timeout")
        database.logBytesMax = section.text("max-sync-wal-bytes").flatMap(ConfigurationValue.byteCount)
        return database
    }

    private mutating func readGlobal(_ top: Section) throws(ConfigurationError) {
        global.metricsAddress = top.text("addr")
        global.command = top.text("exec")
        global.l0Retention = top.duration("l0-retention")
        global.shutdownSyncTimeout = top.duration("shutdown-sync-timeout")
        if let logging = try part(top, "logging") {
            (global.logLevel, global.logType) = (logging.text("level"), logging.text("type"))
            global.logsToStandardError = logging.flag("stderr") ?? false
        }
        if let snapshot = try part(top, "snapshot") {
            global.snapshotInterval = try positive(snapshot, "interval")
            global.snapshotRetention = snapshot.duration("retention")
        }
        global.deletes = try part(top, "retention")?.flag("enabled") ?? true
        if let levels = top.values["levels"] {
            var intervals: [Duration] = []
            for item in try items(levels, "levels") {
                guard let interval = try positive(mapping(item), "interval") else {
                    throw ConfigurationError(line: item.line, message: "a level needs an interval")
                }
                intervals.append(interval)
            }
            guard intervals.count <= Self.levelCountMax else {
                throw ConfigurationError(line: levels.line, message: "there are at most \(Self.levelCountMax) levels")
            }
            global.levelIntervals = intervals.isEmpty ? nil : intervals
        }
    }

    /// Level 0 has the transactions, level 9 the snapshots.
    private static let levelCountMax = 8

    /// A section that was looked at before, key by key.
    private func part(_ section: Section, _ key: String) throws(ConfigurationError) -> Section? {
        guard let node = section.values[key], case .mapping = node.content else { return nil }
        return mapping(node)
    }

    private func mapping(_ node: YAMLNode) -> Section {
        var section = Section(line: node.line)
        guard case .mapping(let members) = node.content else { return section }
        for (key, _, value) in members { section.values[key] = value }
        return section
    }

    private func positive(_ section: Section, _ key: String) throws(ConfigurationError) -> Duration? {
        guard let duration = section.duration(key) else { return nil }
        guard duration >= .milliseconds(1) else { throw tooSmall(section, key) }
        return duration
    }

    private func count(_ section: Section, _ key: String) throws(ConfigurationError) -> Int? {
        guard let count = section.integer(key) else { return nil }
        guard count > 0 else { throw tooSmall(section, key) }
        return count
    }

    private func tooSmall(_ section: Section, _ key: String) -> ConfigurationError {
        ConfigurationError(line: section.values[key]?.line ?? section.line, message: "\(key) must be more than 0")
    }

    // MARK: Replicas

    private mutating func replica(
        _ node: YAMLNode,
        defaults: Section
    ) throws(ConfigurationError) -> LitestreamConfiguration.Replica {
        var section = try section(node, "a replica", ConfigurationKey.replica)
        // What says where a replica is cannot be shared by several.
        let own: Set<String> = ["type", "path", "url", "bucket"]
        for (key, value) in defaults.values where ConfigurationKey.replica[key] != nil && !own.contains(key) {
            section.values[key] = section.values[key] ?? value
        }
        if let age = section.values["age"], case .mapping(let members) = age.content, !members.isEmpty {
            throw ConfigurationError(line: age.line, message: "age encryption is not supported")
        }
        let settings: StoreSettings
        do throws(StoreURLError) { settings = try self.settings(section) } catch {
            throw ConfigurationError(line: node.line, message: error.message)
        }
        let type = section.text("type") ?? section.text("url").map { String($0.prefix { $0 != ":" }) }
        var replica = LitestreamConfiguration.Replica(name: section.text("name") ?? type ?? "file", settings: settings)
        replica.syncInterval = try positive(section, "sync-interval")
        replica.snapshotInterval = try positive(section, "snapshot-interval")
        replica.retention = section.duration("retention")
        return replica
    }

    private func settings(_ section: Section) throws(StoreURLError) -> StoreSettings {
        var settings: StoreSettings
        if let url = section.text("url") {
            guard section.text("path") == nil, section.text("bucket") == nil else {
                throw StoreURLError("a replica has a url, or a path and a bucket, not both")
            }
            settings = try StoreSettings(url: url)
            if let type = section.text("type"), StoreSettings.kind(named: type) != settings.kind {
                throw StoreURLError("the type \(type) is not that of the url")
            }
        } else {
            settings = try placed(section)
        }
        settings.endpoint = section.text("endpoint") ?? settings.endpoint
        settings.region = section.text("region") ?? settings.region
        settings.forcePathStyle = section.flag("force-path-style") ?? settings.forcePathStyle
        settings.skipVerify = section.flag("skip-verify") ?? settings.skipVerify
        settings.accessKeyID = section.text("access-key-id")
        settings.secretAccessKey = section.text("secret-access-key")
        settings.accountName = section.text("account-name") ?? settings.accountName
        settings.accountKey = section.text("account-key")
        settings.sasToken = section.text("sas-token")
        settings.partBytes = section.text("part-size").flatMap(ConfigurationValue.byteCount) ?? settings.partBytes
        return settings
    }

    /// The settings of a replica that is described key by key.
    private func placed(_ section: Section) throws(StoreURLError) -> StoreSettings {
        let type = section.text("type") ?? "file"
        guard let kind = StoreSettings.kind(named: type) else {
            throw StoreURLError("\(type) is no kind of replica: use file, s3, gs, gcs or abs")
        }
        var settings = StoreSettings(kind: kind)
        let path = section.text("path") ?? ""
        guard !path.hasPrefix("\(type)://") else { throw StoreURLError("a URL belongs into url, not path") }
        if kind == .file {
            guard !path.isEmpty else { throw StoreURLError("a file replica needs a path") }
            settings.path = absolute(path)
        } else {
            guard let bucket = section.text("bucket") else { throw StoreURLError("the replica needs a bucket") }
            (settings.bucket, settings.path) = (bucket, path)
        }
        return settings
    }

    func absolute(_ path: String) -> String {
        var path = path
        if path.hasPrefix("~/"), let home { path = home + path.dropFirst() }
        if !path.hasPrefix("/") { path = "\(folder)/\(path)" }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    // MARK: Nodes

    private mutating func section(
        _ node: YAMLNode,
        _ what: String,
        _ keys: [String: ConfigurationKey.Kind]
    ) throws(ConfigurationError) -> Section {
        guard case .mapping(let members) = node.content else {
            throw ConfigurationError(line: node.line, message: "\(what) must be keys and values")
        }
        var section = Section(line: node.line)
        for (key, line, value) in members {
            guard let kind = keys[key] else {
                warnings.append("line \(line): \(key) is no setting of \(what) and has no effect")
                continue
            }
            try check(value, key, kind)
            section.values[key] = value
            let isSet = if case .scalar = value.content { section.text(key) != nil } else { true }
            if isSet, let neutral = ConfigurationKey.withoutEffect[key], section.text(key) != neutral {
                withoutEffect.append("line \(line): \(key) has no effect on replication here")
            }
        }
        return section
    }

    private mutating func check(
        _ node: YAMLNode,
        _ key: String,
        _ kind: ConfigurationKey.Kind
    ) throws(ConfigurationError) {
        guard kind == .section else {
            guard case .scalar(let text) = node.content else {
                throw ConfigurationError(line: node.line, message: "\(key) must be a single value")
            }
            guard let problem = ConfigurationValue.problem(text, kind) else { return }
            throw ConfigurationError(line: node.line, message: "\(key) \(problem)")
        }
        guard let keys = ConfigurationKey.sections[key] else { return }
        let nodes: [YAMLNode]
        switch node.content {
        case .scalar: nodes = []
        case .mapping: nodes = [node]
        case .sequence(let items): nodes = items
        }
        for node in nodes { _ = try section(node, key, keys) }
    }

    private func items(_ node: YAMLNode?, _ key: String) throws(ConfigurationError) -> [YAMLNode] {
        switch node?.content {
        case nil: return []
        case .sequence(let items)?: return items
        case .scalar(let text)? where text.isEmpty || text == "~" || text == "null": return []
        case .scalar?, .mapping?:
            throw ConfigurationError(line: node?.line ?? 1, message: "\(key) must be a list, each item behind a dash")
        }
    }
}
