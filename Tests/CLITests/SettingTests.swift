@testable import CLI
import Testing

struct SettingTests {
    private func setting(_ text: String, isSecret: Bool = false) -> Setting {
        Setting(text: text, source: .commandLine, label: "--x", isSecret: isSecret, command: "shop")
    }

    private func refusal(_ read: () throws(UsageError) -> some Any) -> UsageError? {
        do throws(UsageError) {
            _ = try read()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [("0", 0), ("65535", 65535), ("8080", 8080)])
    func `a whole number within its range is read`(text: String, number: Int) throws {
        #expect(try setting(text).integer(in: 0...65535) == number)
    }

    @Test(arguments: ["65536", "-1", "80.0", "0x50", "80a", " 80", "99999999999999999999", "８０"])
    func `any other number is refused with the range`(text: String) {
        let message = "--x must be a whole number from 0 to 65535, not '\(text)'"
        #expect(refusal { () throws(UsageError) in try setting(text).integer(in: 0...65535) }?.message == message)
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("10s", .seconds(10)), ("2m", .seconds(120)), ("0s", .zero),
        ("24h", .seconds(86400)), ("7d", .seconds(604800)), ("1m30s", .seconds(90)),
    ])
    func `a duration is read by its units`(text: String, duration: Duration) throws {
        #expect(try setting(text).duration() == duration)
    }

    @Test(arguments: [
        "10", "0", "s", "-1s", "1.5s", "10 s", "10S", "10sec", "1m30", "99999999999999999h", "5124095576031h",
        "9223372036854775807ms1ms",
        "１s",
    ])
    func `anything else is no duration`(text: String) {
        let error = refusal { () throws(UsageError) in try setting(text).duration() }
        #expect(error?.message == "--x must be a duration such as 500ms, 10s or 2m, not '\(text)'")
        #expect((error?.hint != nil) == (Int(text) != nil))
    }

    @Test func `a bare number as a duration is answered with its unit`() {
        let error = refusal { () throws(UsageError) in try setting("10").duration() }
        #expect(error?.hint == "A number needs its unit: 10s or 10ms.")
    }

    @Test func `a duration outside its range is refused with the range`() throws {
        let range = Duration.seconds(1) ... .seconds(5)
        #expect(try setting("5s").duration(in: range) == .seconds(5))
        let error = refusal { () throws(UsageError) in try setting("5001ms").duration(in: range) }
        #expect(error?.message.contains("from 1.0 seconds to 5.0 seconds, not '5001ms'") == true)
    }

    @Test(arguments: [
        ("0", 0), ("4096", 4096), ("512KiB", 524_288), ("1MiB", 1_048_576), ("1mib", 1_048_576),
        ("2GiB", 2_147_483_648),
        ("1MB", 1_000_000), ("10B", 10),
    ])
    func `a size is read by its unit`(text: String, bytes: Int) throws {
        #expect(try setting(text).byteCount() == bytes)
    }

    @Test(arguments: ["", "1M", "-1", "1.5MiB", "MiB", "1 MiB", "1MiB1", "9000000000GiB"])
    func `anything else is no size`(text: String) {
        let error = refusal { () throws(UsageError) in try setting(text).byteCount() }
        #expect(error?.message == "--x must be a size such as 4096, 512KiB or 1MiB, not '\(text)'")
    }

    @Test func `a size outside its range is refused with the range`() {
        let error = refusal { () throws(UsageError) in try setting("1MiB").byteCount(in: 0...1024) }
        #expect(error?.message == "--x must be a size such as 4096, 512KiB or 1MiB, at most 1024, not '1MiB'")
        let low = refusal { () throws(UsageError) in try setting("1").byteCount(in: 512...Int.max) }
        #expect(low?.message == "--x must be a size such as 4096, 512KiB or 1MiB, at least 512, not '1'")
    }

    @Test(arguments: ["1", "true", "YES", "On"]) func `these words are true`(text: String) throws {
        #expect(try setting(text).boolean())
    }

    @Test(arguments: ["0", "False", "no", "OFF"]) func `these words are false`(text: String) throws {
        #expect(try !setting(text).boolean())
    }

    @Test(arguments: ["", "2", "y", "truee"]) func `other words are neither true nor false`(text: String) {
        #expect(throws: UsageError.self) { try setting(text).boolean() }
    }

    private enum Level: String, CaseIterable { case debug, info }

    @Test func `a choice is a case of its enumeration or refused with all of them`() throws {
        #expect(try setting("info").choice() == Level.info)
        let error = refusal { () throws(UsageError) in try setting("inof").choice(Level.self) }
        #expect(error?.message == "--x must be one of debug, info, not 'inof'")
        #expect(error?.hint == "Did you mean info?")
    }

    @Test func `a secret is not told in its own error`() {
        let error = refusal { () throws(UsageError) in try setting("hunter2", isSecret: true).integer() }
        #expect(error?.description.contains("hunter2") == false)
        #expect(error?.message == "--x must be a whole number, not what was given")
    }

    @Test func `a required value that is missing is asked for by option and variable`() throws {
        let invocation = try invocation("serve")
        #expect(
            refusal { () throws(UsageError) in try invocation.string("token") }?.message
                == "--token or SHOP_TOKEN is required"
        )
    }

    @Test func `the settings report says where each value came from and hides secrets`() throws {
        let variables = ["SHOP_TOKEN": "hunter2", "PORT": "9"]
        let invocation = try invocation("serve --no-migrate --replica a --replica b", environment: variables)
        let report = invocation.settingsReport(of: invocation.path.leaf.options)
        #expect(
            report.text() == """
                setting    value         source
                port       9             env PORT
                db         data/shop.db  default
                stock      -             not set
                log-level  info          default
                replica    a             option
                replica    b             option
                token      ********      env SHOP_TOKEN
                offset     -             not set
                migrate    false         option
                quiet      false         default

                """
        )
    }
}
