import Testing
import Torture

@Suite struct ServiceCountersTests {
    @Test func `what is shown is summed over labels, and the rest left out`() {
        let text = """
            # HELP holdfast_replication_races_lost_total Transactions that another writer had created before.
            # TYPE holdfast_replication_races_lost_total counter
            holdfast_replication_races_lost_total{replica="file"} 3
            holdfast_object_store_requests_total{operation="put",result="ok"} 10
            holdfast_object_store_requests_total{operation="get",result="ok"} 2.5
            holdfast_other_total 7
            """
        let counters = ServiceCounters(text)
        #expect(counters.values == ["races lost": 3, "requests to the store": 12.5])
        #expect((counters + counters).values == ["races lost": 6, "requests to the store": 25])
    }

    @Test func `what is no number is nothing`() {
        #expect(ServiceCounters("holdfast_replication_races_lost_total x\n\n").values.isEmpty)
    }
}
