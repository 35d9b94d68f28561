-- One script for every load: what to send comes from the environment, what wrk counted goes out as JSON
-- (its own text rounds latencies and hides which errors were zero).
local body = os.getenv("BENCH_BODY")
if body then
    wrk.method = "POST"
    wrk.body = body
    wrk.headers["Content-Type"] = "application/json"
end

function done(summary, latency, requests)
    io.write(string.format(
        '\nresult {"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"bad_status":%d,"socket_errors":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
