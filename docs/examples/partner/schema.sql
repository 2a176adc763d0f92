-- The tables for what a partner's API tells: events, and the sales of their tickets.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS partner;

CREATE TABLE IF NOT EXISTS partner.events (
    event_id   integer PRIMARY KEY,
    name       text NOT NULL,
    category   text,
    city       text,
    capacity   integer CHECK (capacity > 0),
    starts_at  timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS partner.sales (
    sale_id      bigint PRIMARY KEY,
    event_id     integer NOT NULL,
    wallet       text NOT NULL,
    buyer        text,
    quantity     integer NOT NULL CHECK (quantity > 0),
    price        numeric(12,2) NOT NULL,
    total_amount numeric(14,2) NOT NULL,
    status       text NOT NULL,
    purchased_at timestamptz NOT NULL
);
