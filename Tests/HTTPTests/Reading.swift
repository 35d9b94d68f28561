import HTTP

/// What a reader makes of some bytes.
struct Reading: Equatable {
    struct Seen: Equatable {
        let method: String
        let path: String
        let query: String?
        let fields: [String]
        let body: [UInt8]
        let isKeptAlive: Bool
        let expectsContinue: Bool

        init(_ request: Request) {
            method = request.method.name
            path = request.path
            query = request.head.query
            var fields: [String] = []
            request.headers.forEach { fields.append("\($0): \($1)") }
            self.fields = fields
            body = request.body
            isKeptAlive = request.head.isKeptAlive
            expectsContinue = request.head.expectsContinue
        }

        var target: String { query.map { "\(path)?\($0)" } ?? path }
    }

    var requests: [Seen] = []
    var refusal: Refusal?
    var isInBody = false

    /// Reads all that a connection brings, cut into pieces at the given places, in ascending order.
    init(
        _ bytes: [UInt8],
        cuts: [Int] = [],
        limits: RequestLimits = RequestLimits(),
        bodyBytesMax: Int = 1 << 20
    ) {
        var reader = MessageReader(limits: limits)
        var unread: [UInt8] = []
        var start = 0
        for end in cuts + [bytes.count] {
            unread += bytes[start..<end]
            start = end
            do throws(Refusal) {
                try read(&unread, &reader, bodyBytesMax)
            } catch {
                refusal = error
                return
            }
        }
        isInBody = reader.isInBody
    }

    init(
        _ text: String,
        cuts: [Int] = [],
        limits: RequestLimits = RequestLimits(),
        bodyBytesMax: Int = 1 << 20
    ) {
        self.init(Array(text.utf8), cuts: cuts, limits: limits, bodyBytesMax: bodyBytesMax)
    }

    private mutating func read(
        _ unread: inout [UInt8],
        _ reader: inout MessageReader,
        _ bodyBytesMax: Int
    ) throws(Refusal) {
        while !unread.isEmpty {
            var used = 0
            let outcome = try reader.read(unread.span, used: &used) { _ in bodyBytesMax }
            unread.removeFirst(used)
            guard case .request(let request) = outcome else { return }
            requests.append(Seen(request))
        }
    }

    /// In a word or two, for tables: `GET /a`, `POST /a "body"`, `needs more`, or the status of the refusal.
    var summary: String {
        var parts = requests.map { request in
            let body = String(decoding: request.body, as: UTF8.self)
            return "\(request.method) \(request.target)\(body.isEmpty ? "" : " \"\(body)\"")"
        }
        if let refusal { parts.append("\(refusal.status.code)") }
        return parts.joined(separator: ", ")
    }
}
