import HTTP
import Testing

/// A request as a client would send it.
func request(_ line: String, _ fields: String...) throws -> Request {
    var reader = MessageReader(limits: RequestLimits())
    let bytes = Array("\(line) HTTP/1.1\r\nHost: a\r\n\(fields.map { "\($0)\r\n" }.joined())\r\n".utf8)
    var used = 0
    let outcome = try reader.read(bytes.span, used: &used, bodyBytesMax: { _ in 0 })
    guard case .request(let request) = outcome else { throw NotWhole() }
    return request
}

private struct NotWhole: Error {}
