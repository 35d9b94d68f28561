/// Takes a chunked body apart (RFC 9112, section 7.1).
///
/// Extensions and trailers are read, bounded and dropped. Sizes are plain hex digits and lines end in CR LF: anything
/// else has been used to smuggle requests.
struct ChunkedDecoder: Sendable {
    private enum State {
        case size, sizeExtension, sizeLF, data, dataCR, dataLF, lineStart, trailerName, trailerValue, trailerLF, endLF
    }

    /// Extensions and trailers together.
    private static let extraBytesMax = 4096
    private static let sizeDigitsMax = 8

    private var state = State.size
    private var chunkLeft = 0
    private var sizeDigits = 0
    private var extraBytes = 0

    /// Appends the payload in `input` to `body`; true when the body is complete.
    ///
    /// - `index`: Where to go on in `input`; set to the first byte that was not used.
    mutating func decode(
        _ input: Span<UInt8>,
        _ index: inout Int,
        into body: inout [UInt8],
        bytesMax: Int
    ) throws(Refusal) -> Bool {
        while index < input.count {
            if state == .data {
                let count = min(chunkLeft, input.count - index)
                append(input, index..<index + count, to: &body)
                index += count
                chunkLeft -= count
                if chunkLeft == 0 { state = .dataCR }
                continue
            }
            let isComplete = try take(input[index], bodyCount: body.count, bytesMax: bytesMax)
            index += 1
            if isComplete { return true }
        }
        return false
    }

    /// One byte of what surrounds the payload; true after the last one.
    private mutating func take(_ byte: UInt8, bodyCount: Int, bytesMax: Int) throws(Refusal) -> Bool {
        switch state {
        case .size: try takeSize(byte)
        case .sizeExtension:
            try countExtra(byte)
            if byte == ASCII.cr { state = .sizeLF }
        case .sizeLF:
            try expect(ASCII.lf, byte)
            guard chunkLeft <= bytesMax - bodyCount else { throw .bodyTooLarge(bytesMax: bytesMax) }
            state = chunkLeft == 0 ? .lineStart : .data
            sizeDigits = 0
        case .dataCR:
            try expect(ASCII.cr, byte)
            state = .dataLF
        case .dataLF:
            try expect(ASCII.lf, byte)
            state = .size
        case .lineStart:
            guard byte != ASCII.cr else {
                state = .endLF
                return false
            }
            guard ASCII.isToken(byte) else { throw .malformed("a trailer has no valid name and colon") }
            try countExtra(byte)
            state = .trailerName
        case .trailerName:
            try countExtra(byte)
            if byte == UInt8(ascii: ":") {
                state = .trailerValue
            } else if !ASCII.isToken(byte) {
                throw .malformed("a trailer has no valid name and colon")
            }
        case .trailerValue:
            try countExtra(byte)
            if byte == ASCII.cr { state = .trailerLF }
        case .trailerLF:
            try expect(ASCII.lf, byte)
            state = .lineStart
        case .endLF:
            try expect(ASCII.lf, byte)
            return true
        case .data: preconditionFailure("payload is copied by decode")
        }
        return false
    }

    private mutating func takeSize(_ byte: UInt8) throws(Refusal) {
        if let digit = ASCII.hexValue(byte) {
            guard sizeDigits < Self.sizeDigitsMax else { throw .malformed("a chunk size is too long") }
            sizeDigits += 1
            chunkLeft = chunkLeft << 4 | digit
            return
        }
        guard sizeDigits > 0 else { throw .malformed("a chunk has no size") }
        switch byte {
        case ASCII.cr: state = .sizeLF
        case UInt8(ascii: ";"): state = .sizeExtension
        default: throw .malformed("a chunk size is not plain hex digits")
        }
    }

    private mutating func countExtra(_ byte: UInt8) throws(Refusal) {
        guard ASCII.isFieldValue(byte) || byte == ASCII.cr else {
            throw .malformed("a chunk extension or trailer holds a control character")
        }
        extraBytes += 1
        guard extraBytes <= Self.extraBytesMax else {
            throw .malformed("chunk extensions and trailers are larger than \(Self.extraBytesMax) bytes")
        }
    }

    private func expect(_ expected: UInt8, _ byte: UInt8) throws(Refusal) {
        guard byte == expected else { throw .malformed("a chunk does not end where its size says") }
    }

    private func append(_ input: Span<UInt8>, _ range: Range<Int>, to body: inout [UInt8]) {
        unsafe input.extracting(range).withUnsafeBufferPointer { unsafe body.append(contentsOf: $0) }
    }
}
