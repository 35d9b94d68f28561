internal import Faults

/// What a client does next.
///
/// Decides and does nothing else.
struct Mix {
    enum Step: Equatable {
        case create(Kind)
        /// A create under an Idempotency-Key, repeated until it is answered, and perhaps once more.
        case createWithKey(Kind)
        case change(RowID)
        case delete(RowID)
        case read(RowID)
        /// A read of at least this transaction.
        case readSince(RowID, UInt64)
    }

    var random: SplitMix64
    let usesKeys: Bool

    mutating func next(_ rows: [RowID], txid: UInt64?) -> Step {
        let kind: Kind = random.chance(0.5) ? .task : random.chance(0.6) ? .user : .paste
        guard let row = rows.randomElement(using: &random) else { return .create(kind) }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<28: return .create(kind)
        case 28..<36: return usesKeys ? .createWithKey(kind == .paste ? .task : kind) : .create(kind)
        case 36..<62 where row.kind != .paste: return .change(row)
        case 62..<70 where row.kind != .paste: return .delete(row)
        case 70..<78: return txid.map { .readSince(row, $0) } ?? .read(row)
        default: return .read(row)
        }
    }

    mutating func pause() -> Duration { random.chance(0.5) ? .zero : random.duration(in: .zero ... .milliseconds(20)) }
}
