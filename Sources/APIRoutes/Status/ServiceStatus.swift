/// How the service is, for whoever looks after it.
package struct ServiceStatus: Sendable {
    package struct Database: Sendable {
        package var bytes: Int64 = 0
        package var walBytes: Int64 = 0
        package var journalMode = ""
        /// The newest migration that is applied.
        package var schema = ""
        package var tables: [Table] = []

        package init() {}
    }

    package struct Table: Sendable {
        package let name: String
        /// Nil where counting would take long.
        package let rowCount: Int64?

        package init(name: String, rowCount: Int64?) {
            (self.name, self.rowCount) = (name, rowCount)
        }
    }

    package struct Replica: Sendable {
        package enum State: String, Sendable {
            case starting, ok, failing, stopped
        }

        package let name: String
        package let state: State
        /// What is wrong, while something is; for operators, and free of secrets.
        package var problem: String?
        /// Whether a write is answered only when it is there.
        package var isGate = false
        package var lagSeconds: Double?
        package var txid: UInt64?
        /// Milliseconds since the epoch.
        package var snapshotTime: Int64?
        package var usage: StoreUsage?
        /// Nil where the store has no bill.
        package var prices: StorePrices?

        package init(name: String, state: State) {
            (self.name, self.state) = (name, state)
        }
    }

    /// A restore that was done to see whether it can be done.
    package struct Proof: Sendable {
        package let succeeded: Bool
        /// Milliseconds since the epoch.
        package let time: Int64
        package let duration: Duration
        package let detail: String

        package init(succeeded: Bool, time: Int64, duration: Duration, detail: String) {
            (self.succeeded, self.time, self.duration, self.detail) = (succeeded, time, duration, detail)
        }
    }

    package let instanceID: String
    /// What a 2xx answer means: `local`, `async` or `replicated`.
    package let durability: String
    package let uptime: Duration
    package var database = Database()
    package var replicas: [Replica] = []
    package var proof: Proof?

    package init(instanceID: String, durability: String, uptime: Duration) {
        (self.instanceID, self.durability, self.uptime) = (instanceID, durability, uptime)
    }
}

/// What a store was asked to do since the start of the process, and what it holds.
package struct StoreUsage: Sendable {
    /// Creations, uploads and listings, which every store charges alike.
    package let writeRequestCount: UInt64
    package let readRequestCount: UInt64
    package let sentBytes: UInt64
    package let receivedBytes: UInt64
    /// Nil if nobody has looked.
    package let storedBytes: Int64?

    package init(
        writeRequestCount: UInt64,
        readRequestCount: UInt64,
        sentBytes: UInt64,
        receivedBytes: UInt64,
        storedBytes: Int64?
    ) {
        (self.writeRequestCount, self.readRequestCount) = (writeRequestCount, readRequestCount)
        (self.sentBytes, self.receivedBytes, self.storedBytes) = (sentBytes, receivedBytes, storedBytes)
    }
}

/// What a store charges, in US dollars; list prices of the cheapest large region, without traffic or free tiers.
///
/// Compared in November 2026: R2's with Cloudflare's own documentation, Google's for storage with a transcript of its page
/// of September 2026, all others only with what third parties write of the providers' pages.
package struct StorePrices: Sendable, Equatable {
    /// The class that the prices are of, for people.
    package let name: String
    let gigabyteMonth: Double
    let thousandWrites: Double
    let thousandReads: Double

    package static let s3Standard = Self("S3 Standard, us-east-1, 2026", month: 0.023, writes: 0.005, reads: 0.0004)
    package static let gcsStandard = Self(
        "Cloud Storage Standard, us-central1, 2026",
        month: 0.020,
        writes: 0.005,
        reads: 0.0004
    )
    package static let azureHot = Self("Azure Blob Hot LRS, East US, 2026", month: 0.018, writes: 0.005, reads: 0.0004)
    package static let r2Standard = Self("R2 Standard, 2026", month: 0.015, writes: 0.0045, reads: 0.00036)

    private init(_ name: String, month: Double, writes: Double, reads: Double) {
        (self.name, gigabyteMonth, thousandWrites, thousandReads) = (name, month, writes, reads)
    }

    /// What a month like the time since the start would cost; nil before there is an hour to go by.
    func monthlyDollars(_ usage: StoreUsage, over uptime: Duration) -> Double? {
        guard uptime >= .seconds(3600) else { return nil }
        let months = Double(uptime.components.seconds) / (30 * 86_400)
        let requests =
            Double(usage.writeRequestCount) / 1000 * thousandWrites
            + Double(usage.readRequestCount) / 1000 * thousandReads
        return requests / months + Double(usage.storedBytes ?? 0) / 1_000_000_000 * gigabyteMonth
    }
}
