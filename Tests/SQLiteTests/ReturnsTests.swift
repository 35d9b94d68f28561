import Testing
import Threads

@testable import SQLite

@Suite struct ReturnsTests {
    private static let start = MonotonicTime.now

    private static func at(_ milliseconds: Int64) -> MonotonicTime {
        start.advanced(by: .milliseconds(milliseconds))
    }

    /// Ten are answered at 100 ms, and write again at these times.
    private static func returns(at times: [Int64]) -> Returns {
        var returns = Returns()
        returns.didAnswer(10, at: at(100))
        for time in times { returns.didCome(at: at(time)) }
        return returns
    }

    @Test func `the wait is for the slowest of those who come back at once`() {
        let returns = Self.returns(at: Array(101...108) + [110, 115])
        #expect(returns.worthwhileWait(after: .milliseconds(40)) == .milliseconds(16))
    }

    @Test func `nobody is waited for who takes half a batch to come back`() {
        let returns = Self.returns(at: Array(repeating: 120, count: 10))
        #expect(returns.worthwhileWait(after: .milliseconds(40)) == .milliseconds(31))
        #expect(returns.worthwhileWait(after: .milliseconds(39)) == nil)
    }

    @Test func `behind a fast disk nobody waits`() {
        let returns = Self.returns(at: Array(repeating: 101, count: 10))
        #expect(returns.worthwhileWait(after: .milliseconds(10)) != nil)
        #expect(returns.worthwhileWait(after: .microseconds(9_999)) == nil)
    }

    @Test func `nobody is waited for before it is known that they come back`() {
        #expect(Returns().worthwhileWait(after: .seconds(1)) == nil)
        #expect(Self.returns(at: Array(repeating: 101, count: 8)).worthwhileWait(after: .seconds(1)) == nil)
    }

    @Test func `who stays away once is not waited for the next time`() {
        var returns = Self.returns(at: Array(repeating: 101, count: 10))
        returns.didAnswer(10, at: Self.at(200))
        #expect(returns.worthwhileWait(after: .seconds(1)) != nil)
        returns.didAnswer(10, at: Self.at(300))
        #expect(returns.worthwhileWait(after: .seconds(1)) == nil)
    }

    @Test func `a batch that answers nobody tells nothing`() {
        var returns = Self.returns(at: Array(repeating: 101, count: 10))
        returns.didAnswer(0, at: Self.at(200))
        returns.didCome(at: Self.at(201))
        returns.didAnswer(10, at: Self.at(300))
        #expect(returns.worthwhileWait(after: .seconds(1)) != nil)
    }
}
