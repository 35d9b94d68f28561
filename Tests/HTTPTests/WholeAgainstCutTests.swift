import HTTP
import Testing

struct WholeAgainstCutTests {
    private static let time = Duration.seconds(2)

    @Test func `how the bytes are cut changes nothing`() {
        var messages = MutatedMessages()
        let end = ContinuousClock.now + Self.time
        var (acceptedCount, refusedCount) = (0, 0)
        repeat {
            let bytes = messages.next()
            let whole = Reading(bytes)
            let cuts = [Array(1..<max(1, bytes.count)), messages.cuts(bytes.count)]
            for cuts in cuts {
                let cut = Reading(bytes, cuts: cuts)
                let isSame =
                    cut.requests == whole.requests && (cut.refusal == nil) == (whole.refusal == nil)
                    && cut.isInBody == whole.isInBody
                #expect(
                    isSame,
                    """
                    HTTP_FUZZ_SEED=\(messages.seed), cut at \(cuts)
                    \(String(decoding: bytes, as: UTF8.self).debugDescription)
                    whole: \(whole)
                    cut: \(cut)
                    """
                )
                guard isSame else { return }
            }
            acceptedCount += whole.requests.count
            refusedCount += whole.refusal == nil ? 0 : 1
        } while ContinuousClock.now < end
        #expect(acceptedCount > 100 && refusedCount > 100, "the generator has lost its edge")
    }

    @Test(arguments: [8 * 1024 - 1, 8 * 1024, 8 * 1024 + 1, 8 * 1024 + 50])
    func `a target near its limit is taken or refused however it is cut`(count: Int) {
        let bytes = Array("OPTIONS /\(String(repeating: "a", count: count - 1)) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        let whole = Reading(bytes)
        #expect((whole.refusal == nil) == (count <= 8 * 1024))
        for cut in stride(from: 8000, to: bytes.count, by: 1) {
            let cut = Reading(bytes, cuts: [cut])
            #expect(cut.requests == whole.requests && cut.refusal?.status == whole.refusal?.status)
        }
    }

    @Test(arguments: [16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1])
    func `a head near its limit is taken or refused however it is cut`(count: Int) {
        let start = "GET / HTTP/1.1\r\nHost: x\r\nA: "
        let value = String(repeating: "a", count: count - start.utf8.count - 4)
        let bytes = Array("\(start)\(value)\r\n\r\n".utf8)
        let whole = Reading(bytes)
        #expect(whole.refusal?.status.code == (count <= 16 * 1024 ? nil : 431))
        for cut in count - 50..<count {
            let cut = Reading(bytes, cuts: [cut])
            #expect(cut.requests == whole.requests && cut.refusal == whole.refusal)
        }
    }
}
