import Foundation
import Logging
import Testing

@Suite struct LogSinkTests {
    private static let line = String(repeating: "x", count: 1000)

    @Test(arguments: [false, true])
    func `a reader that stalls holds nobody up, and hears later how much it missed`(isNonBlocking: Bool) throws {
        let pipe = try LogPipe()
        if isNonBlocking { pipe.makeNonBlocking() }
        let logger = Logger(level: .info, format: .json, descriptor: pipe.writing)
        let count = 5000
        // With nobody to read: 64 KiB fit into the pipe, and 1 MiB or two into the buffers.
        let duration = ContinuousClock().measure {
            for number in 0..<count {
                logger.log(.info, "line") { fields in
                    fields.add("number", Int64(number))
                    fields.add("text", Self.line)
                }
            }
        }
        #expect(duration < .seconds(20))
        pipe.waitUntilFull()

        let read = pipe.startReading()
        logger.close(within: .seconds(60))
        pipe.closeWriting()
        var written = 0
        var dropped = 0
        for line in read().split(separator: "\n") {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            if object["message"] as? String == "line" {
                written += 1
            } else {
                #expect(object["message"] as? String == "log lines were dropped because nobody read them")
                #expect(object["severity"] as? String == "WARNING")
                dropped += try #require(object["count"] as? Int)
            }
        }
        #expect(dropped > 1000)
        #expect(written > 900)
        #expect(written + dropped == count)
    }

    @Test func `close gives up on a reader that does not read, at its limit`() throws {
        let pipe = try LogPipe()
        let logger = Logger(level: .info, format: .json, descriptor: pipe.writing)
        for _ in 0..<500 { logger.log(.info, "line") { $0.add("text", Self.line) } }
        pipe.waitUntilFull()
        let duration = ContinuousClock().measure { logger.close(within: .milliseconds(200)) }
        #expect(duration >= .milliseconds(200) && duration < .seconds(20))
        // The log's thread still stands at the pipe: let it go before the descriptor is somebody else's.
        pipe.closeReading()
        logger.close(within: .seconds(60))
    }

    @Test func `close writes out what there is, and may come twice`() throws {
        let pipe = try LogPipe()
        let logger = Logger(level: .info, format: .text(isColored: false), descriptor: pipe.writing)
        for _ in 0..<50 { logger.log(.info, "line") }
        logger.close(within: .seconds(60))
        logger.close(within: .seconds(60))
        logger.log(.info, "too late")
        let text = pipe.rest()
        #expect(text.split(separator: "\n").count == 50)
        #expect(!text.contains("too late"))
    }

    @Test func `a log without lines closes at once`() throws {
        for _ in 0..<20 { #expect(try logged(.json) { _ in } == "") }
    }

    @Test func `a reader that is gone is no reason to stop`() throws {
        let pipe = try LogPipe()
        let logger = Logger(level: .info, format: .json, descriptor: pipe.writing)
        pipe.closeReading()
        for _ in 0..<3000 { logger.log(.info, "line") { $0.add("text", Self.line) } }
        let duration = ContinuousClock().measure { logger.close(within: .seconds(60)) }
        #expect(duration < .seconds(20))
    }
}
