internal import SQLite

/// A place between two transactions in the log of a database, as the wal-index and a record on disk have it.
struct TailPlace: Hashable {
    let salt1: UInt32
    let salt2: UInt32
    /// How many frames of the log are before it.
    let frameCount: Int
    /// The running checksum up to there.
    let checksum1: UInt32
    let checksum2: UInt32

    init(salt1: UInt32, salt2: UInt32, frameCount: Int, checksum1: UInt32, checksum2: UInt32) {
        (self.salt1, self.salt2, self.frameCount) = (salt1, salt2, frameCount)
        (self.checksum1, self.checksum2) = (checksum1, checksum2)
    }

    /// The end of what a wal-index describes.
    init(endOf mark: WALMark) {
        self.init(
            salt1: mark.salt1,
            salt2: mark.salt2,
            frameCount: mark.frameCount,
            checksum1: mark.checksum1,
            checksum2: mark.checksum2
        )
    }

    /// The start of the log that another place is in.
    init(startOf other: TailPlace) {
        self.init(salt1: other.salt1, salt2: other.salt2, frameCount: 0, checksum1: 0, checksum2: 0)
    }

    /// Whether both are in the same log, and not in one that was started over in between.
    func isInLog(of other: TailPlace) -> Bool { salt1 == other.salt1 && salt2 == other.salt2 }

    /// Without salts there is no log yet, and nothing to tell it from the next.
    var isNamed: Bool { salt1 != 0 || salt2 != 0 }
}
