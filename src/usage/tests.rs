use actix_web::rt::time::timeout;

use super::*;

fn record_use(uses: &UsageRecorder, value: i64, agent: &str) {
    let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) };
    uses.record(ValueId(value), client, Timestamp::from_micros(1));
}

fn discard(uses: &UsageRecorder) {
    uses.buffers.shards.iter().for_each(|shard| drop(drain(shard)));
}

#[test]
fn a_full_buffer_makes_a_flush_due_before_the_interval() {
    let short = Duration::from_millis(100);
    let uses = UsageRecorder::default();
    actix_web::rt::System::new().block_on(async {
        record_use(&uses, 1, "curl");
        assert!(timeout(short, uses.wait_until_due()).await.is_err(), "a single use does not make a flush due");
        // All values are in one shard; the others are nearly empty.
        let same_shard = (0..).step_by(SHARDS * 1024).flat_map(|from| from..from + 1024);
        same_shard.take(40_000).for_each(|value| record_use(&uses, value, "curl"));
        assert!(timeout(FLUSH_INTERVAL / 2, uses.wait_until_due()).await.is_ok());
        discard(&uses);
        // The buffer fills up again and is flushed before the wait.
        (0..5000).for_each(|number| record_use(&uses, 1, &number.to_string()));
        discard(&uses);
        assert!(timeout(short, uses.wait_until_due()).await.is_err());
    });
}

#[test]
fn neighbouring_values_share_a_shard_and_all_shards_are_used() {
    let uses = UsageRecorder::default();
    let count = 1024 * i64::try_from(SHARDS).unwrap();
    (0..count).for_each(|value| record_use(&uses, value, "curl"));
    let batches: Vec<UsageBatch> = uses.buffers.shards.iter().map(drain).collect();
    for (nth, batch) in batches.iter().enumerate() {
        let from = 1024 * i64::try_from(nth).unwrap();
        assert!(batch.used.iter().map(|(value, _)| value.0).eq(from..from + 1024), "entries are in row order");
    }
}
