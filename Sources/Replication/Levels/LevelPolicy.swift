/// When a replica is compacted, and what of it is kept.
package struct LevelPolicy: Equatable, Sendable {
    /// How much time a file of level 1, 2, … covers: wall-clock multiples, UTC.
    package var intervals: [Duration]
    /// A new snapshot, if anything was written, in each such interval; nil for none.
    package var snapshotInterval: Duration?
    package var snapshotRetention: Duration
    /// How long a file of level 0 is kept after a file that covers it was uploaded.
    package var level0Retention: Duration
    /// No setting makes it less: whoever writes relies on names not becoming free any sooner.
    package var level0RetentionMin: Duration
    /// How long to wait at least before level 0 is looked through again.
    package var level0CheckInterval: Duration
    /// False leaves every deletion to the bucket's own rules.
    package var isRetentionEnabled: Bool

    package init(
        intervals: [Duration] = [.seconds(30), .seconds(300), .seconds(3600)],
        snapshotInterval: Duration? = .seconds(86400),
        snapshotRetention: Duration = .seconds(86400),
        level0Retention: Duration,
        level0RetentionMin: Duration,
        level0CheckInterval: Duration = .seconds(15),
        isRetentionEnabled: Bool = true
    ) {
        precondition(intervals.count < ReplicaLayout.snapshotLevel, "\(intervals.count) levels")
        precondition((intervals + [snapshotInterval ?? .seconds(1)]).allSatisfy { $0 >= .milliseconds(1) })
        self.intervals = intervals
        self.snapshotInterval = snapshotInterval
        self.snapshotRetention = snapshotRetention
        self.level0Retention = level0Retention
        self.level0RetentionMin = level0RetentionMin
        self.level0CheckInterval = level0CheckInterval
        self.isRetentionEnabled = isRetentionEnabled
    }

    /// For a log that writers fence each other with: a name stays taken for longer than any of them can stand still
    /// without noticing.
    package static let service = Self(
        level0Retention: .seconds(3600),
        level0RetentionMin: .seconds(3600),
        level0CheckInterval: .seconds(60)
    )
    /// As Litestream has it.
    package static let sidecar = Self(level0Retention: .seconds(300), level0RetentionMin: .zero)

    var level0KeptMilliseconds: Int64 { max(level0Retention, level0RetentionMin).milliseconds }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
