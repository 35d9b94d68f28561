/// Random numbers that a seed decides, so that what one run finds the next finds again.
///
/// - SeeAlso: <https://prng.di.unimi.it/splitmix64.c>
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// A stream of its own for each path of numbers below a seed.
    package init(seed: UInt64, _ path: Int...) {
        state = seed
        for number in path { state = next() ^ UInt64(bitPattern: Int64(number)) }
        state = next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// True in this share of cases.
    package mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    package mutating func duration(in range: ClosedRange<Duration>) -> Duration {
        .milliseconds(Int.random(in: range.lowerBound.milliseconds...range.upperBound.milliseconds, using: &self))
    }
}

extension Duration {
    /// Whole milliseconds, the rest cut off.
    package var milliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
