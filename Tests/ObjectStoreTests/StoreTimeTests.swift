import Testing

@testable import ObjectStore

@Suite struct StoreTimeTests {
    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199_000), ("Fri, 31 Dec 1999 23:59:59 GMT", 946_684_799_000),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 946_684_800_000), ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400_000),
    ])
    func `an HTTP date is read, and written as it was`(text: String, milliseconds: Int64) {
        let time = StoreTime(httpDate: text)
        #expect(time?.unixMilliseconds == milliseconds)
        #expect(time?.httpDate == text)
    }

    @Test(arguments: [
        ("2009-10-12T17:50:30.000Z", 1_255_369_830_000), ("2009-10-12T17:50:30Z", 1_255_369_830_000),
        ("2009-10-12T17:50:30.1234567Z", 1_255_369_830_123), ("2009-10-12T17:50:30.5Z", 1_255_369_830_500),
    ])
    func `a time of a listing is read to the millisecond`(text: String, milliseconds: Int64) {
        #expect(StoreTime(iso8601: text)?.unixMilliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "2009-10-12T17:50:30", "2009-10-12T17:50:30+00:00", "2009-10-12 17:50:30Z", "2009-13-12T17:50:30Z",
        "2009-02-29T17:50:30Z", "2009-10-12T24:50:30Z", "2009-10-12T17:60:30Z", "2009-10-12T17:50:30.Z",
        "2009-10-12T17:50:30.xZ", "2009-10-12T17:50:3 Z", "+009-10-12T17:50:30Z",
        "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "日本語日本語日本語日本 GMT",
    ])
    func `anything else is no time`(text: String) {
        #expect(StoreTime(httpDate: text) == nil)
        #expect(StoreTime(iso8601: text) == nil)
    }

    @Test func `the form for signatures is that of ISO 8601 without separators`() {
        #expect(StoreTime(unixMilliseconds: 1_369_353_600_999).compact == "20130524T000000Z")
        #expect(StoreTime(unixMilliseconds: -1).compact == "19691231T235959Z")
    }
}
