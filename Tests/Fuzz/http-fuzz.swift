// Compiled into the module HTTP by `Tests/Fuzz/run.sh`.

/// Any bytes either are requests or are refused, in one piece as in many; forms and queries take any bytes too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = outcome(bytes, pieceSize: max(count, 1))
    for pieceSize in [1, 2 + Int(bytes.last ?? 0) % 64] {
        let cut = outcome(bytes, pieceSize: pieceSize)
        precondition(cut == whole, "pieces of \(pieceSize) bytes give something else: \(cut) for \(whole)")
    }
    for request in whole.requests { look(into: request) }
    lookIntoForm(bytes, type: "multipart/form-data; boundary=b")
    _ = Query(String(decoding: bytes, as: UTF8.self)).values("a")
    return 0
}

private struct Outcome: Equatable, CustomStringConvertible {
    var requests: [Request] = []
    var isRefused = false
    var isInBody = false

    var description: String {
        requests.map { "\($0.method.name) \($0.path) \($0.body.count)" }.joined(separator: ", ")
            + (isRefused ? " refused" : "") + (isInBody ? " in body" : "")
    }

    static func == (left: Self, right: Self) -> Bool {
        left.isRefused == right.isRefused && left.isInBody == right.isInBody
            && left.requests.elementsEqual(right.requests) { left, right in
                left.method == right.method && left.path == right.path && left.head.query == right.head.query
                    && left.headers.bytes == right.headers.bytes && left.body == right.body
                    && left.head.framing == right.head.framing && left.head.isKeptAlive == right.head.isKeptAlive
            }
    }
}

private func outcome(_ bytes: [UInt8], pieceSize: Int) -> Outcome {
    // Small enough that inputs of the fuzzer's usual size come to every limit.
    var limits = RequestLimits()
    limits.headBytesMax = 512
    limits.targetBytesMax = 128
    limits.fieldsMax = 8
    let bodyBytesMax = 256
    var reader = MessageReader(limits: limits)
    var (outcome, unread) = (Outcome(), [UInt8]())
    for start in stride(from: 0, to: bytes.count, by: pieceSize) {
        unread += bytes[start..<min(bytes.count, start + pieceSize)]
        do throws(Refusal) {
            while !unread.isEmpty {
                var used = 0
                let result = try reader.read(unread.span, used: &used) { _ in bodyBytesMax }
                precondition(used <= unread.count, "more is used than there was")
                unread.removeFirst(used)
                guard case .request(let request) = result else { break }
                precondition(request.body.count <= bodyBytesMax, "a body is larger than allowed")
                precondition(request.headers.byteCount <= limits.headBytesMax, "a head is larger than allowed")
                outcome.requests.append(request)
            }
            precondition(unread.count < limits.headBytesMax, "what is kept is not bounded")
        } catch {
            precondition(!error.detail.isEmpty && error.status.code >= 400, "a refusal says nothing")
            outcome.isRefused = true
            return outcome
        }
    }
    outcome.isInBody = reader.isInBody
    return outcome
}

private func look(into request: Request) {
    precondition(request.path.utf8.first == UInt8(ascii: "/") || request.path == "*", "no path: \(request.path)")
    request.headers.forEach { name, value in
        precondition(!name.isEmpty && name.utf8.allSatisfy(ASCII.isToken), "no name: \(name)")
        precondition(value.utf8.allSatisfy(ASCII.isFieldValue), "no value: \(value)")
    }
    _ = Query(request.head.query).values("a")
    lookIntoForm(request.body, type: request.headers.first("content-type"))
}

private func lookIntoForm(_ body: [UInt8], type: String?) {
    guard let parts = try? MultipartForm.parts(of: body, type: type) else { return }
    precondition(parts.count <= MultipartForm.partsMax, "too many parts")
    var end = 0
    for part in parts {
        precondition(part.startIndex > end && part.endIndex < body.count, "a part is not where it can be")
        end = part.endIndex
    }
}
