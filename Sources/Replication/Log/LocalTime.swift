/// What the clocks of this machine say at one moment.
///
/// None of them is trusted alone: one stands still while a micro-VM is suspended, another is set by hand.
package struct LocalTime: Sendable, Equatable {
    /// Grows steadily while the machine runs.
    package let steady: Duration
    /// Since the Unix epoch.
    package let wall: Duration

    package init(steady: Duration, wall: Duration) {
        (self.steady, self.wall) = (steady, wall)
    }

    /// The longest time since `earlier` that any of the clocks shows; one that was set back has shown as much.
    func age(since earlier: Self) -> Duration {
        let shown = wall - earlier.wall
        return max(steady - earlier.steady, shown < .zero ? .zero - shown : shown)
    }
}
