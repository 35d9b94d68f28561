import ObjectStore
import Testing
import YAML

@testable import LitestreamConfiguration

@Suite struct LitestreamConfigurationTests {
    private func read(_ text: String, _ variables: [String: String]? = [:]) throws -> LitestreamConfiguration {
        try LitestreamConfiguration(text, variables: variables, folder: "/srv", home: "/home/me")
    }

    @Test func `a file of Litestream 0.3 has several replicas, each with its own settings`() throws {
        let configuration = try read(
            """
            addr: ":9090"
            access-key-id: AKID
            secret-access-key: hidden
            dbs:
              - path: /data/app.db
                monitor-interval: 500ms
                replicas:
                  - type: file
                    path: ~/backup
                    retention: 720h
                  - name: far
                    type: s3
                    bucket: b
                    path: app
                    endpoint: http://127.0.0.1:9000
                    force-path-style: true
                    region: eu-central-1
                    sync-interval: 1h30m
                    snapshot-interval: 1.5h
                  - url: gcs://g/app
            """
        )
        #expect(configuration.warnings == [])
        let database = try #require(configuration.databases.first)
        #expect(database.path == "/data/app.db")
        #expect(database.replicas.map(\.name) == ["file", "far", "gcs"])
        #expect(database.replicas.map(\.settings.kind) == [.file, .s3, .gcs])
        #expect(database.replicas[0].settings.path == "/home/me/backup")
        let s3 = database.replicas[1].settings
        #expect((s3.bucket, s3.path, s3.region) == ("b", "app", "eu-central-1"))
        #expect((s3.endpoint, s3.forcePathStyle) == ("http://127.0.0.1:9000", true))
        #expect((s3.accessKeyID, s3.secretAccessKey) == ("AKID", "hidden"))
    }

    @Test func `a file of Litestream 0.5 has one replica, and defaults for all at the top`() throws {
        let configuration = try read(
            """
            region: eu-west-1
            endpoint: https://s3.example
            snapshot: {interval: 24h, retention: 48h}
            levels:
              - interval: 30s
              - interval: 5m
            l0-retention: 5m
            dbs:
              - path: app.db
                truncate-page-n: 121359
                replica:
                  url: s3://b/app
                  region: us-east-2
            """
        )
        #expect(configuration.warnings == [])
        let database = try #require(configuration.databases.first)
        #expect(database.path == "/srv/app.db")
        #expect(database.replicas.map(\.name) == ["s3"])
        #expect(database.replicas[0].settings.region == "us-east-2")
        #expect(database.replicas[0].settings.endpoint == "https://s3.example")
    }

    @Test(arguments: ["", "# nothing\n", "dbs:\n", "dbs: []\n", "addr: ''\n"])
    func `a file without databases has none`(text: String) throws {
        #expect(try read(text).databases.isEmpty)
    }

    @Test(
        arguments: [
            ("a$B/c", "a1/c"), ("a${B}c", "a1c"), ("${MISSING}x$MISSING", "x"), ("$", "$"), ("5$ $1", "5$ $1"),
            ("${", "${"), ("${a b}", "${a b}"), ("$$B", "$1"), ("ü$B", "ü1"),
        ]
    )
    func `variables are replaced, whatever they hold, and nothing else is`(text: String, expected: String) {
        #expect(LitestreamConfiguration.expand(text, ["B": "1", "C": "$B"]) == expected)
    }

    @Test func `a variable can hold what is YAML, and is left alone where that is asked for`() throws {
        let text = "dbs:\n  - path: /a\n    replicas: [{url: \"$URL\"}]\n"
        #expect(try read(text, ["URL": "file:///b"]).databases[0].replicas[0].settings.path == "/b")
        let literal = try read("dbs: [{path: /$a}]", nil)
        #expect(literal.databases[0].path == "/$a")
    }

    @Test func `a key that nobody knows is named with its line, and its value is not`() throws {
        let configuration = try read(
            """
            dbs:
              - path: /a
                retentoin: secret
                replicas:
                  - url: file:///b
                    acess-key-id: secret
            snapshot:
              intervall: 1h
            """
        )
        #expect(
            Set(configuration.warnings) == [
                "line 3: retentoin is no setting of a database and has no effect",
                "line 6: acess-key-id is no setting of a replica and has no effect",
                "line 8: intervall is no setting of snapshot and has no effect",
            ]
        )
    }

    @Test(
        arguments: [
            ("dbs: [{path: /a, monitor-interval: 10}]", "monitor-interval needs a unit"),
            ("dbs: [{path: /a, replicas: [{url: 'file:///b', retention: 86400}]}]", "retention needs a unit"),
            ("snapshot: {interval: 1.5}", "interval needs a unit"),
            ("l0-retention: 5 min", "l0-retention must be a duration"),
            ("l0-retention: 7d", "l0-retention must be a duration"),
            ("dbs: [{path: /a, min-checkpoint-page-count: many}]", "min-checkpoint-page-count must be a whole number"),
            ("skip-verify: maybe", "skip-verify must be true or false"),
            ("part-size: huge", "part-size must be a size"),
            ("dbs: {path: /a}", "dbs must be a list"),
            ("dbs: [x]", "a database must be keys and values"),
            ("dbs: [{replicas: []}]", "a database needs a path"),
            ("dbs: [{path: /a}, {path: /b/../a}]", "the database /a is twice there"),
            ("dbs: [{dir: /a}]", "dir is not supported"),
            ("dbs: [{path: /a, replicas: [{url: 's3://b'}, {url: 's3://c'}]}]", "two replicas are called s3"),
            ("dbs: [{path: /a, replicas: [{url: 's3://b', path: c}]}]", "not both"),
            ("dbs: [{path: /a, replicas: [{type: s3, path: c}]}]", "needs a bucket"),
            ("dbs: [{path: /a, replicas: [{type: sftp, host: c}]}]", "sftp is no kind of replica"),
            ("dbs: [{path: /a, replicas: [{path: 's3://c', type: s3}]}]", "belongs into url"),
            ("dbs: [{path: /a, replica: {url: 'file:///b'}, replicas: [{url: 'file:///c'}]}]", "not both"),
            ("dbs: [{path: /a, replica: {url: 'file:///b', age: {recipients: [x]}}}]", "age encryption"),
            ("a: [", "did not find expected"),
            ("a: 1\na: 2", "a is twice there"),
            ("? [a]\n: b", "a key must be plain text"),
            ("a: &a [*a]", "nested too deeply"),
        ]
    )
    func `what cannot be meant is an error that says what is wrong`(text: String, problem: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try read(text) }
        #expect(error.message.contains(problem), "\(error)")
    }

    @Test(arguments: ["0", "500ms", "1h30m", "1.5h", "10s", "-1s", "250µs", "", "~"])
    func `a duration is what Go reads`(text: String) throws {
        _ = try read("l0-retention: \(text)")
    }

    @Test(arguments: [
        ("0", Duration.zero), ("500ms", .milliseconds(500)), ("1h30m", .seconds(5400)), ("1.5s", .milliseconds(1500)),
        ("720h", .seconds(2_592_000)), ("-2m", .seconds(-120)), ("250µs", .microseconds(250)),
    ])
    func `a duration is as long as Go has it`(text: String, duration: Duration) {
        #expect(ConfigurationValue.duration(text) == duration)
    }

    @Test func `replication is as the file says`() throws {
        let configuration = try read(
            """
            addr: ":9090"
            exec: app --port 80
            logging: {level: debug, type: json, stderr: true}
            levels: [{interval: 10s}, {interval: 2m}]
            snapshot: {interval: 1h, retention: 48h}
            l0-retention: 1m
            retention: {enabled: false}
            shutdown-sync-timeout: 5s
            dbs:
              - path: /data/app.db
                meta-path: state
                monitor-interval: 50ms
                checkpoint-interval: 2m
                min-checkpoint-page-count: 10
                truncate-page-n: 20
                busy-timeout: 3s
                max-sync-wal-bytes: 1MiB
                replicas:
                  - url: file:///backup
                    sync-interval: 10s
                    snapshot-interval: 4h
                    retention: 720h
            """
        )
        let global = configuration.global
        #expect(global.metricsAddress == ":9090" && global.command == "app --port 80")
        #expect(global.logLevel == "debug" && global.logType == "json" && global.logsToStandardError)
        #expect(global.levelIntervals == [.seconds(10), .seconds(120)])
        #expect(global.snapshotInterval == .seconds(3600) && global.snapshotRetention == .seconds(172_800))
        #expect(global.l0Retention == .seconds(60) && !global.deletes && global.shutdownSyncTimeout == .seconds(5))
        let database = try #require(configuration.databases.first)
        #expect(database.metaPath == "/srv/state" && database.monitorInterval == .milliseconds(50))
        #expect(database.checkpointInterval == .seconds(120) && database.checkpointPages == 10)
        #expect(database.truncatePages == 20 && database.busyTimeout == .seconds(3) && database.logBytesMax == 1 << 20)
        let replica = try #require(database.replicas.first)
        #expect(replica.syncInterval == .seconds(10) && replica.snapshotInterval == .seconds(14400))
        #expect(replica.retention == .seconds(2_592_000))
        #expect(configuration.warnings == [] && configuration.withoutEffect == [])
    }

    @Test(arguments: [
        ("dbs: [{path: /a, replica: {url: 'file:///b', sync-interval: 0s}}]", "sync-interval must be more than 0"),
        ("dbs: [{path: /a, monitor-interval: -1s}]", "monitor-interval must be more than 0"),
        ("dbs: [{path: /a, min-checkpoint-page-count: 0}]", "min-checkpoint-page-count must be more than 0"),
        ("levels: [{}]", "a level needs an interval"),
        ("levels: [\(Array(repeating: "{interval: 1s}", count: 9).joined(separator: ", "))]", "at most 8 levels"),
    ])
    func `what would stop replication is refused`(text: String, problem: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try read(text) }
        #expect(error.message.contains(problem), "\(error)")
    }

    @Test func `a key that changes nothing here is named`() throws {
        let configuration = try read(
            "heartbeat-url: https://example.com\nvalidation: {interval: 1h}\nsign-payload: true\nstorage-class:\n"
        )
        #expect(
            configuration.withoutEffect == [
                "line 1: heartbeat-url has no effect on replication here",
                "line 2: validation has no effect on replication here",
            ]
        )
    }

    @Test func `an alias is what it stands for, and many of them are refused`() throws {
        let text = "x: &r {url: 'file:///b'}\ndbs: [{path: /a, replicas: [*r]}]"
        #expect(try read(text).databases[0].replicas.count == 1)
        let lines = (1...20).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]" }
        let bomb = (["a0: &a0 [x, x]"] + lines).joined(separator: "\n")
        #expect(throws: ConfigurationError.self) { try read(bomb) }
    }

    @Test func `a database is found however its path is typed`() throws {
        let configuration = try read("dbs: [{path: /srv/data/app.db}]")
        for path in ["/srv/data/app.db", "data/app.db", "./data//app.db", "/srv/x/../data/app.db"] {
            #expect(configuration.database(at: path, folder: "/srv", home: nil) != nil, "\(path)")
        }
        #expect(configuration.database(at: "app.db", folder: "/srv", home: nil) == nil)
    }
}
