internal import Faults
internal import JSON

extension Report {
    /// One object, for programs; durations in milliseconds.
    package var json: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("clean")
        json.bool(isClean)
        json.key("interrupted")
        json.bool(wasInterrupted)
        json.key("seed")
        json.string("\(seed)")
        json.key("duration_ms")
        json.integer(Int64(duration.milliseconds))
        json.key("checks")
        json.beginArray()
        for verdict in verdicts { Self.write(verdict, &json) }
        json.endArray()
        json.key("operations")
        json.beginArray()
        for (action, outcomes) in operations {
            json.beginObject()
            json.key("action")
            json.string(action)
            json.key("acknowledged")
            json.integer(Int64(outcomes.acknowledged))
            json.key("refused")
            json.integer(Int64(outcomes.refused))
            json.key("ambiguous")
            json.integer(Int64(outcomes.ambiguous))
            json.endObject()
        }
        json.endArray()
        writeTally(&json)
        json.key("longest_gap_ms")
        json.integer(Int64(longestGap.milliseconds))
        json.key("longest_deploy_gap_ms")
        if let longestOverlapGap { json.integer(Int64(longestOverlapGap.milliseconds)) } else { json.null() }
        json.key("deploy_failures")
        json.integer(Int64(overlapFailureCount))
        json.key("restore_ms")
        if let restoreTime { json.integer(Int64(restoreTime.milliseconds)) } else { json.null() }
        json.key("transactions")
        if let newestTXID { json.integer(Int64(clamping: newestTXID)) } else { json.null() }
        Self.write("omissions", omissions, &json)
        Self.write("kept_in", keptIn, &json)
        json.endObject()
        json.newline()
        return json.bytes
    }

    private static func write(_ verdict: Verdict, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("check")
        json.string(verdict.check.rawValue)
        json.key("count")
        json.integer(Int64(verdict.count))
        write("violations", verdict.violations, &json)
        json.key("skipped")
        if let skipped = verdict.skipped { json.string(skipped) } else { json.null() }
        json.endObject()
    }

    private func writeTally(_ json: inout JSONWriter) {
        json.key("processes")
        json.integer(Int64(tally.livesCount))
        json.key("kills")
        json.beginArray()
        for (reason, count) in tally.kills.sorted(by: { $0.key < $1.key }) {
            json.beginObject()
            json.key("reason")
            json.string(reason)
            json.key("count")
            json.integer(Int64(count))
            json.endObject()
        }
        json.endArray()
        json.key("freezes")
        json.integer(Int64(tally.freezeCount))
        json.key("deploys")
        json.integer(Int64(tally.deployCount))
        json.key("refused_starts")
        json.integer(Int64(tally.refusedStartCount))
        json.key("boot_ms_max")
        json.integer(Int64((tally.bootTimes.max() ?? .zero).milliseconds))
        json.key("counters")
        json.beginArray()
        for (name, value) in tally.counters.values.sorted(by: { $0.key < $1.key }) {
            json.beginObject()
            json.key("name")
            json.string(name)
            json.key("value")
            json.integer(Int64(value))
            json.endObject()
        }
        json.endArray()
    }

    private static func write(_ name: StaticString, _ texts: [String], _ json: inout JSONWriter) {
        json.key(name)
        json.beginArray()
        for text in texts { json.string(text) }
        json.endArray()
    }
}
