//! Links of accounts.
