/// How long the log believes what it has seen.
package struct LogTiming: Sendable, Equatable {
    /// How long a position is believed after it was confirmed.
    ///
    /// What ``LogMachine`` takes for the moment of a confirmation may be as much later than the real one. So names must
    /// not come free again before twice as long after they were covered: an hour is four times as long.
    package var window: Duration
    /// How often it is made sure, while writes flow, that what was written is still there.
    package var checkInterval: Duration
    /// The wait before a request is repeated; it doubles from time to time.
    package var pauseBase: Duration
    package var pauseMax: Duration
    /// How long a request may take that only asks; those for a file that is added end with its time.
    package var questionPatience: Duration
    /// What one catch-up may hold in memory, and so many files of it.
    package var catchUpBytesMax: Int
    package var catchUpCountMax: Int
    /// After so many files without an end of the log, restoring is quicker.
    package var farBehindCount: Int

    package init(
        window: Duration = .seconds(15 * 60),
        checkInterval: Duration = .seconds(60),
        pauseBase: Duration = .milliseconds(50),
        pauseMax: Duration = .seconds(1),
        questionPatience: Duration = .seconds(30),
        catchUpBytesMax: Int = 64 << 20,
        catchUpCountMax: Int = 256,
        farBehindCount: Int = 4096
    ) {
        (self.window, self.checkInterval) = (window, checkInterval)
        (self.pauseBase, self.pauseMax) = (pauseBase, pauseMax)
        self.questionPatience = questionPatience
        (self.catchUpBytesMax, self.catchUpCountMax) = (catchUpBytesMax, catchUpCountMax)
        self.farBehindCount = farBehindCount
    }

    /// What so many bytes take on the slowest line that will do, besides what any request takes.
    static func lineTime(of byteCount: Int) -> Duration { .milliseconds(byteCount / 1024) }
}
