use super::*;

const NOON: Timestamp = Timestamp::from_micros(43_200_000_000);

fn client(agent: &str) -> ClientInfo {
    ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) }
}

fn agent(buffer: &UsageBuffer, index: ClientIndex) -> Option<&str> {
    index.get(&buffer.clients.all)?.agent.as_deref()
}

/// The groups of uses of a value as `program day count`, sorted by their first use.
fn groups(buffer: &UsageBuffer, uses: &UsesByValue, value: i64) -> Vec<String> {
    let earlier = uses.earlier.iter().filter(|((id, ..), _)| id.0 == value).map(|(_, entry)| entry);
    let mut all: Vec<&UsageEntry> = earlier.chain(uses.latest.get(&ValueId(value))).collect();
    all.sort_by_key(|entry| entry.first);
    // The latest group can continue an earlier one; a flush adds them up.
    let mut merged: Vec<UsageEntry> = Vec::new();
    for entry in all {
        match merged.iter_mut().find(|it| it.client == entry.client && it.day == entry.day) {
            Some(group) => group.merge(*entry),
            None => merged.push(*entry),
        }
    }
    let agent = |entry: &UsageEntry| agent(buffer, entry.client).unwrap_or("-").to_owned();
    merged.iter().map(|entry| format!("{} {} {}", agent(entry), entry.day.number(), entry.count)).collect()
}

#[test]
fn a_full_buffer_updates_existing_values_and_adds_no_new_ones() {
    let mut buffer = UsageBuffer::default();
    let later = NOON + Duration::from_micros(1500);
    let many = i64::try_from(MAX_ENTRIES).unwrap() + 1;
    for value in 0..many {
        buffer.record(ValueId(value), client("first"), NOON);
        buffer.record_rejected(ValueId(value), client("first"), NOON);
    }
    let batch = buffer.drain();
    assert_eq!([batch.used.len(), batch.rejected.len()], [MAX_ENTRIES; 2]);
    // Between drain and restore, one of these values is used again, and a new one.
    for value in [0, many] {
        buffer.record(ValueId(value), client("second"), later);
        buffer.record_rejected(ValueId(value), client("second"), later);
    }
    buffer.restore(&batch, &(0..usize::MAX));
    assert_eq!([buffer.used.latest.len(), buffer.rejected.latest.len()], [MAX_ENTRIES; 2]);
    for uses in [&buffer.used, &buffer.rejected] {
        assert_eq!(groups(&buffer, uses, 0), ["first 0 1", "second 0 1"]);
    }
    let untouched = buffer.used.latest.keys().find(|value| ![0, many].contains(&value.0)).unwrap();
    assert_eq!(agent(&buffer, buffer.used.latest[untouched].client), Some("first"));
    assert!(buffer.used.latest.contains_key(&ValueId(many)), "a value that was recorded after the drain is kept");
    let mut other = UsageBuffer::default();
    other.restore(&batch, &(MAX_ENTRIES - 1..usize::MAX));
    assert_eq!([other.used.len(), other.rejected.len()], [1; 2], "written entries are not restored");
}

#[test]
fn an_entry_with_its_key_has_32_bytes() {
    assert_eq!(size_of::<(ValueId, UsageEntry)>(), 32);
}

#[test]
fn entries_merge_in_any_order() {
    let after = |minutes| NOON + Duration::from_mins(minutes);
    let entry = |first, last| {
        let mut entry = UsageEntry::once(after(first), UNKNOWN);
        entry.merge(UsageEntry::once(after(last), UNKNOWN));
        entry
    };
    for (one, other) in
        [(entry(0, 1), entry(3, 9)), (entry(3, 9), entry(0, 1)), (entry(0, 9), entry(3, 4)), (entry(3, 4), entry(0, 9))]
    {
        let mut merged = one;
        merged.merge(other);
        assert_eq!((merged.first, merged.last(), merged.count), (NOON, after(9), 4));
    }
    let mut rounded = UsageEntry::once(NOON, UNKNOWN);
    rounded.merge(UsageEntry::once(NOON + Duration::from_micros(1500), UNKNOWN));
    assert_eq!(rounded.last(), NOON + Duration::from_millis(2), "the last use is rounded up to the millisecond");
    // A span over 49 days does not fit: the last use is then too early.
    let mut far = UsageEntry::once(NOON, UNKNOWN);
    far.merge(UsageEntry::once(NOON + Duration::from_hours(24 * 60), UNKNOWN));
    assert_eq!(far.last().since(NOON).as_secs() / 86_400, 49);
}

#[test]
fn uses_of_a_value_are_counted_by_client_and_day() {
    let mut buffer = UsageBuffer::default();
    let hours = |hours| NOON + Duration::from_hours(hours);
    for (agent, at) in [("a", 0), ("b", 1), ("a", 2), ("a", 13), ("b", 14), ("a", 15), ("a", 16)] {
        buffer.record(ValueId(1), client(agent), hours(at));
        buffer.record_rejected(ValueId(1), client(agent), hours(at));
    }
    let counts = ["a 0 2", "b 0 1", "a 1 3", "b 1 1"];
    assert_eq!(groups(&buffer, &buffer.used, 1), counts);
    assert_eq!(groups(&buffer, &buffer.rejected, 1), counts);
    let last = buffer.used.latest[&ValueId(1)];
    assert_eq!((agent(&buffer, last.client), last.last()), (Some("a"), hours(16)), "the last use has its client");
    // A batch that is restored to a buffer with newer uses.
    let batch = buffer.drain();
    buffer.record(ValueId(1), client("c"), hours(17));
    buffer.record(ValueId(1), client("b"), hours(18));
    buffer.restore(&batch, &(0..usize::MAX));
    assert_eq!(groups(&buffer, &buffer.used, 1), ["a 0 2", "b 0 1", "a 1 3", "b 1 2", "c 1 1"]);
    let last = buffer.used.latest[&ValueId(1)];
    assert_eq!((agent(&buffer, last.client), last.last()), (Some("b"), hours(18)));
}

#[test]
fn a_value_that_many_clients_use_makes_a_flush_due_and_loses_no_count() {
    let mut buffer = UsageBuffer::default();
    let values = i64::try_from(MAX_EARLIER).unwrap() + 1;
    for (agent, at) in [("a", NOON), ("b", NOON + Duration::from_hours(13))] {
        (0..values).for_each(|value| buffer.record(ValueId(value), client(agent), at));
    }
    assert_eq!((buffer.used.earlier.len(), buffer.is_due()), (MAX_EARLIER, true));
    assert_eq!(groups(&buffer, &buffer.used, values - 1), ["- 1 2"], "counted without a client on the later day");
    let batch = buffer.drain();
    assert_eq!(batch.used.iter().map(|(_, entry)| i64::from(entry.count)).sum::<i64>(), 2 * values);
}

#[test]
fn uses_by_clients_beyond_the_limit_are_recorded_without_a_client() {
    let mut buffer = UsageBuffer::default();
    for number in 0..MAX_CLIENTS {
        assert!(!buffer.is_due());
        buffer.record(ValueId(1), client(&number.to_string()), NOON);
    }
    assert!(buffer.is_due(), "a full client table makes a flush due");
    buffer.record(ValueId(2), client("one more"), NOON);
    buffer.record(ValueId(3), client("7"), NOON);
    assert_eq!(buffer.clients.all.len(), MAX_CLIENTS);
    let agent_of = |value| agent(&buffer, buffer.used.latest[&ValueId(value)].client);
    assert_eq!([agent_of(1), agent_of(2), agent_of(3)], [Some("4095"), None, Some("7")]);
}
