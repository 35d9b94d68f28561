/// What happens on the way of a file into the log, besides its arrival.
package enum LogEvent: Sendable {
    /// The first attempt to create it was not the last.
    case triedAgain
    /// This writer keeps losing races, and asked to go first once.
    case askedForTurn
    /// This writer let another one go first.
    case gaveTurn
}
