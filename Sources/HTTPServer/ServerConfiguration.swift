package import HTTP

/// Every bound that the server keeps, with its default.
package struct ServerConfiguration: Sendable {
    /// A name or a numeric address.
    package var host = "0.0.0.0"
    /// 0 for any free one.
    package var port = 8080
    /// One loop, and one thread, for each core.
    package var loopCount = 1

    package var request = RequestLimits()
    package var connectionsMax = 8192
    /// Half of all, so that no single address can shut the others out; a proxy in front is one address.
    package var connectionsPerAddressMax = 4096
    /// Requests whose handler has not answered yet.
    package var inFlightMax = 4096
    /// What all connections together may hold of requests half read and answers half sent.
    package var bufferedBytesMax = 256 << 20

    // Totals, not pauses: a client that drips a byte now and then does not stretch them.
    /// From a request's first byte (or the connection's start) to the end of its head.
    package var headTimeout = Duration.seconds(10)
    package var bodyTimeout = Duration.seconds(60)
    /// From one answer to the next request's first byte.
    package var idleTimeout = Duration.seconds(75)
    /// For an answer that the client does not take at once.
    package var sendTimeout = Duration.seconds(60)

    package init() {}
}
