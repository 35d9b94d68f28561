import CLI
import ObjectStore

extension Setting {
    /// Reads a time as RFC 3339 has it: `2026-11-21T00:21:30.199Z`, or with an offset such as `+02:00`.
    ///
    /// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc3339#section-5.6>
    func time() throws(UsageError) -> StoreTime {
        let offsetLength = "+02:00".utf8.count
        if let time = StoreTime(iso8601: text) { return time }
        let bytes = Array(text.utf8.suffix(offsetLength))
        let sign: Int64 = bytes.first == UInt8(ascii: "-") ? -1 : 1
        guard bytes.count == offsetLength, sign == -1 || bytes[0] == UInt8(ascii: "+"), bytes[3] == UInt8(ascii: ":"),
            let hours = Int64(String(decoding: bytes[1...2], as: UTF8.self)), (0...23).contains(hours),
            let minutes = Int64(String(decoding: bytes[4...5], as: UTF8.self)), (0...59).contains(minutes),
            let local = StoreTime(iso8601: text.dropLast(offsetLength) + "Z")
        else {
            throw refused(expected: "a time such as 2026-11-21T00:21:30Z or 2026-11-21T02:21:30.5+02:00")
        }
        return StoreTime(unixMilliseconds: local.unixMilliseconds - sign * (hours * 60 + minutes) * 60_000)
    }
}
