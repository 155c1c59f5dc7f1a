//! The tables. Written by hand, because one file describes both backends. `tests/it/db/schema.rs` compares it with the
//! migrated databases.

diesel::table! {
    users (id) {
        id -> BigInt,
        uuid -> Text,
        email -> Text,
        email_key -> Text,
        name -> Text,
        password_hash -> Text,
        is_active -> Bool,
        created_at -> BigInt,
        credentials_generation -> BigInt,
        email_verified_at -> Nullable<BigInt>,
        prefers_browser_zone -> Bool,
        name_key -> Text,
        name_sort -> Text,
    }
}

diesel::table! {
    sessions (uuid) {
        uuid -> Text,
        digest -> Binary,
        user_id -> Nullable<BigInt>,
        state -> Text,
        created_at -> BigInt,
        last_seen_at -> BigInt,
        expires_at -> BigInt,
        ip -> Nullable<Text>,
        agent -> Nullable<Text>,
        credentials_generation -> Nullable<BigInt>,
    }
}

diesel::table! {
    sign_in_attempts (id) {
        id -> BigInt,
        account -> Nullable<Binary>,
        address -> Text,
        at -> BigInt,
        network -> Text,
    }
}

diesel::table! {
    one_time_links (digest) {
        digest -> Binary,
        uuid -> Text,
        purpose -> Text,
        workspace -> Nullable<Text>,
        role -> Nullable<Text>,
        note -> Nullable<Text>,
        user_uuid -> Nullable<Text>,
        created_by -> Nullable<Text>,
        form_key -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        email -> Nullable<Text>,
        search_text -> Text,
    }
}

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::table! {
    workspaces (id) {
        id -> BigInt,
        uuid -> Text,
        slug -> Text,
        name -> Text,
        kind -> Text,
        country -> Text,
        languages -> Text,
        timezone -> Text,
        date_style -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    memberships (id) {
        id -> BigInt,
        user_id -> BigInt,
        workspace_id -> BigInt,
        role -> Text,
        created_at -> BigInt,
        last_opened_at -> BigInt,
        removed_at -> Nullable<BigInt>,
        checklist_hidden_at -> Nullable<BigInt>,
        name_sort -> Text,
        search_text -> Text,
        token_count -> BigInt,
        last_seen_at -> BigInt,
    }
}

diesel::table! {
    tokens (id) {
        id -> BigInt,
        uuid -> Text,
        membership_id -> BigInt,
        slot -> SmallInt,
        name -> Text,
        name_key -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        deleted_by -> Nullable<Text>,
        deleted_via -> Nullable<Text>,
        note -> Nullable<Text>,
        name_sort -> Text,
        note_key -> Text,
        deleted_in -> Nullable<BigInt>,
        deleted_hint -> Nullable<Text>,
    }
}

diesel::table! {
    token_listings (token_id) {
        token_id -> BigInt,
        workspace_id -> BigInt,
        name_sort -> Text,
        owner_sort -> Text,
        search_text -> Text,
        created_at -> BigInt,
        value_created_at -> BigInt,
        ends_at -> BigInt,
        retiring_until -> BigInt,
        used_hour -> BigInt,
        idle_since -> BigInt,
    }
}

diesel::table! {
    token_values (id) {
        id -> BigInt,
        token_id -> BigInt,
        generation -> BigInt,
        digest -> Binary,
        form_key -> Nullable<Text>,
        hint -> Text,
        created_at -> BigInt,
        ends_at -> Nullable<BigInt>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    value_uses (value_id) {
        value_id -> BigInt,
        first_used_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        last_used_ip -> Nullable<Text>,
        last_used_agent -> Nullable<Text>,
        tries_after_end -> BigInt,
        last_try_at -> Nullable<BigInt>,
        last_try_ip -> Nullable<Text>,
        last_try_agent -> Nullable<Text>,
    }
}

diesel::table! {
    usage_days (day, value_id) {
        day -> BigInt,
        value_id -> BigInt,
        calls -> BigInt,
        rejected -> BigInt,
    }
}

diesel::table! {
    usage_origins (token_id, ip, agent) {
        token_id -> BigInt,
        ip -> Text,
        agent -> Text,
        first_seen_at -> BigInt,
        last_seen_at -> BigInt,
        calls -> BigInt,
        rejected -> BigInt,
    }
}

diesel::table! {
    workspace_usage_days (workspace_id, day) {
        workspace_id -> BigInt,
        day -> BigInt,
        calls -> BigInt,
        rejected -> BigInt,
    }
}

diesel::table! {
    top_tokens (token_id) {
        token_id -> BigInt,
        workspace_id -> BigInt,
        calls -> BigInt,
        rejected -> BigInt,
        counted_at -> BigInt,
    }
}

diesel::table! {
    events (id) {
        id -> BigInt,
        at -> BigInt,
        kind -> Text,
        actor -> Nullable<Text>,
        workspace -> Nullable<Text>,
        token -> Nullable<Text>,
        ip -> Nullable<Text>,
        agent -> Nullable<Text>,
        detail -> Nullable<Text>,
        action -> Text,
        actor_name -> Nullable<Text>,
        actor_email -> Nullable<Text>,
        subject -> Nullable<Text>,
        subject_name -> Nullable<Text>,
        subject_email -> Nullable<Text>,
        token_name -> Nullable<Text>,
    }
}

diesel::table! {
    identity_epoch (id) {
        id -> BigInt,
        number -> BigInt,
    }
}

diesel::joinable!(sessions -> users (user_id));

diesel::joinable!(memberships -> users (user_id));

diesel::joinable!(memberships -> workspaces (workspace_id));

diesel::joinable!(tokens -> memberships (membership_id));

diesel::joinable!(token_listings -> tokens (token_id));

diesel::joinable!(token_values -> tokens (token_id));

diesel::joinable!(value_uses -> token_values (value_id));

diesel::joinable!(usage_days -> token_values (value_id));

diesel::joinable!(usage_origins -> tokens (token_id));

diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    workspaces,
    memberships,
    tokens,
    token_listings,
    token_values,
    value_uses,
    usage_days,
    usage_origins
);
