import LZ4

@testable import LTX

/// An LTX file put together by hand, with a right checksum however wrong the rest is.
struct RawFile {
    enum Encoding: CaseIterable { case frame, block }

    var header: [UInt8]
    var pages: [Page]
    var encoding = Encoding.frame
    var pageFlags: UInt16?
    var end = [UInt8](repeating: 0, count: 6)
    /// What to write in place of the right index, and of its size.
    var index: [UInt8]?
    var indexSize: UInt64?
    var postApplyChecksum: UInt64 = 0

    init(_ header: Header, _ pages: [Page]) {
        self.header = header.encoded()
        self.pages = pages
    }

    /// Overwrites header bytes from `offset` on.
    func with(_ offset: Int, _ bytes: [UInt8]) -> Self {
        var file = self
        file.header.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        return file
    }

    func changed(_ change: (inout Self) -> Void) -> Self {
        var file = self
        change(&file)
        return file
    }

    var bytes: [UInt8] {
        var (file, hashed, rightIndex) = (header, header, [UInt8]())
        for page in pages {
            var (stored, pageHeader) = ([UInt8](), [UInt8]())
            pageHeader.append(bigEndian: page.number)
            pageHeader.append(bigEndian: pageFlags ?? (encoding == .block ? 1 : 0))
            if encoding == .block {
                LZ4Block.compress(page.data.span, into: &stored)
                pageHeader.append(bigEndian: UInt32(stored.count))
            } else {
                LZ4Frame.compress(page.data.span, into: &stored)
            }
            for integer in [Int(page.number), file.count, pageHeader.count + stored.count] {
                rightIndex += variableLength(integer)
            }
            file += pageHeader + stored
            hashed += pageHeader + page.data
        }
        var tail = end + (index ?? rightIndex + [0])
        tail.append(bigEndian: indexSize ?? UInt64((index ?? rightIndex + [0]).count))
        tail.append(bigEndian: postApplyChecksum)
        hashed += tail
        file += tail
        file.append(bigEndian: slowCRC(hashed) | 1 << 63)
        return file
    }

    private func variableLength(_ integer: Int) -> [UInt8] {
        integer < 128 ? [UInt8(integer)] : [UInt8(integer % 128) + 128] + variableLength(integer / 128)
    }
}

/// CRC-64/GO-ISO bit by bit, as its definition reads.
func slowCRC(_ bytes: [UInt8]) -> UInt64 {
    var crc = UInt64.max
    for byte in bytes {
        crc ^= UInt64(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xD800_0000_0000_0000 : crc >> 1 }
    }
    return ~crc
}
