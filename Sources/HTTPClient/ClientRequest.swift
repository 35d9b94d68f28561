/// One HTTP request, complete: nothing is added to it but what the protocol needs.
package struct ClientRequest: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case put = "PUT"
        case post = "POST"
        case delete = "DELETE"
    }

    package var method: Method
    /// An absolute `http` or `https` URL, percent-encoded by the caller and sent as it is.
    package var url: String
    package var headers: [(name: String, value: String)]
    /// What `PUT` and `POST` send; must be empty for the others.
    package var body: [UInt8]
    package var limits: TransferLimits
    /// A longer answer body ends the transfer with `.answerTooLarge`.
    package var answerBytesMax: Int
    package var verifiesTLS = true
    /// False for link-local services (credential endpoints), which a proxy can never reach.
    package var usesProxy = true
    /// True to open a connection for this request alone, so that libcurl never sends it a second time.
    package var isSentOnce = false

    package init(
        _ method: Method,
        _ url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        limits: TransferLimits = TransferLimits(),
        answerBytesMax: Int = 1 << 20
    ) {
        (self.method, self.url, self.headers, self.body) = (method, url, headers, body)
        (self.limits, self.answerBytesMax) = (limits, answerBytesMax)
    }
}

/// How long a transfer may take, and how long it may stand still.
package struct TransferLimits: Sendable, Equatable {
    /// For name lookup, TCP and TLS together.
    package var connect: Duration
    /// Fewer than `stallBytesPerSecond` for this long ends the transfer; it also bounds the wait for an answer.
    ///
    /// libcurl counts it in whole seconds, of a speed averaged over the last five: after a fast start it
    /// notices up to five seconds later.
    package var stall: Duration
    package var stallBytesPerSecond: Int
    /// For everything, from the first byte of name lookup to the last of the body.
    package var total: Duration

    package init(
        connect: Duration = .seconds(5),
        stall: Duration = .seconds(15),
        stallBytesPerSecond: Int = 1024,
        total: Duration = .seconds(300)
    ) {
        (self.connect, self.stall, self.total) = (connect, stall, total)
        self.stallBytesPerSecond = stallBytesPerSecond
    }
}

/// A complete answer, whatever its status.
package struct ClientAnswer: Sendable {
    package let status: Int
    /// In the order of arrival, names in lower case.
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    /// The first header of this lower-case name.
    package func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }
}
