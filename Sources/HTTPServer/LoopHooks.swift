/// What else a program does on the server's threads.
package struct LoopHooks: Sendable {
    /// On a loop's thread, when nothing more can be done at once.
    package var turnEnds: @Sendable () -> Void = {}
    /// On a loop's thread, after it has served.
    package var stops: @Sendable () -> Void = {}

    package init() {}
}
