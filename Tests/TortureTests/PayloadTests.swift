import Testing
import Torture

@Suite struct PayloadTests {
    private func payload(_ serial: Int, isNew: Bool = false) -> Payload {
        Payload(serial: serial, isNew: isNew, run: "r")
    }

    @Test func `every payload is read back as its own write, and fits its columns`() {
        for serial in 1...200 {
            for isNew in [true, false] {
                let payload = payload(serial, isNew: isNew)
                #expect(Seen.task(title: payload.title, status: payload.status, run: "r") == .value(serial))
                #expect(Seen.user(firstName: payload.firstName, lastName: payload.lastName, run: "r") == .value(serial))
                #expect(Seen.paste(payload.paste, run: "r") == .value(serial))
                #expect(payload.title.count <= 500 && payload.firstName.count <= 200)
                #expect(payload.lastName.map { $0.count <= 200 } ?? true)
            }
        }
    }

    @Test func `no two writes have a payload in common`() {
        var seen: Set<String> = []
        for serial in 1...500 { for isNew in [true, false] { seen.insert(payload(serial, isNew: isNew).title) } }
        #expect(seen.count == 1000)
    }

    @Test func `a mixture of two writes is torn`() {
        let (one, two) = (payload(1), payload(2))
        guard case .torn = Seen.task(title: one.title, status: two.status, run: "r") else {
            Issue.record("the status of another write passed")
            return
        }
        let texts = [
            String(one.paste.dropLast()), one.paste.dropLast() + "#", one.paste + "x", two.paste.prefix(50) + one.paste,
        ]
        for text in texts {
            guard case .torn = Seen.paste(text, run: "r") else {
                Issue.record("passed: \(text.prefix(40))")
                continue
            }
        }
    }

    @Test func `a payload of another run is nobody's`() {
        guard case .torn = Seen.paste(payload(1).paste, run: "s") else {
            Issue.record("it passed")
            return
        }
    }
}
