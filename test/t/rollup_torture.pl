# Writes what one session of rollup_torture.t does, as a script for psql:
#
#   perl rollup_torture.pl writer|refresher|reader SEED COUNT mild|harsh
#
# A mild one does nothing after which all groups of a rollup are computed anew: that would mend what was lost before.
# The same seed gives the same script. What a script comes to depends on what the others do meanwhile: ids and keys are
# few, so that statements meet rows that are there, are gone, or are being changed.
use strict;
use warnings;

my ($role, $seed, $count, $manner) = @ARGV;
my $harsh = $manner eq 'harsh';
srand($seed);

sub one_of { $_[int rand @_] }
sub chance { rand() < $_[0] }
sub list { my ($most, $make) = @_; join ', ', map { $make->() } 1 .. 1 + int rand $most }

sub id { 1 + int rand 1200 }
sub ids { '(' . list(6, \&id) . ')' }
sub event { chance(0.06) ? 'NULL' : 1 + int rand 14 }
sub wallet { chance(0.06) ? 'NULL' : sprintf "'wallet %d'", 1 + int rand 24 }
sub price { chance(0.04) ? 'NULL' : one_of(0, 1.5, 7, 42.42, -3, 99.99, int rand 120) }
sub flag { one_of('true', 'false', 'NULL') }
sub moment { sprintf "'2026-01-%02d %02d:%02d'", 1 + int rand 3, int rand 24, int rand 60 }
sub at { chance(0.03) ? 'NULL' : moment() }
sub region { chance(0.2) ? 'NULL' : sprintf "'region %d'", 1 + int rand 4 }
sub sale { '(' . join(', ', id(), at(), event(), wallet(), price(), flag()) . ')' }
sub prediction { '(' . join(', ', id(), int rand 3, flag()) . ')' }
sub reading { '(' . join(', ', moment(), int rand 9, int rand 1000) . ')' }

my $sale_columns = 'sale (id, at, event, wallet, price, ok)';
my $sale_set = 'at = excluded.at, event = excluded.event, wallet = excluded.wallet, price = excluded.price';

sub sale_change {
    one_of(sub { 'event = ' . event() }, sub { 'wallet = ' . wallet() }, sub { 'at = ' . at() },
           sub { 'price = ' . price() }, sub { 'ok = ' . flag() }, sub { 'spare = ' . int rand 100 },
           sub { 'at = at + interval \'13 hours\', price = price + 1' },
           sub { 'event = event + 1, wallet = ' . wallet() })->();
}

sub sale_where {
    one_of(sub { 'id IN ' . ids() }, sub { 'id IN ' . ids() }, sub { 'wallet = ' . wallet() },
           sub { my $low = id(); "id BETWEEN $low AND " . ($low + 20) }, sub { 'event IS NULL AND id % 3 = 0' },
           sub { 'at < ' . moment() . ' AND id % 17 = ' . int rand 17 })->();
}

# Each a statement; the weight says how often.
my @statements = (
    [12, sub { "INSERT INTO $sale_columns VALUES " . list(8, \&sale) . ' ON CONFLICT DO NOTHING' }],
    [4, sub { "INSERT INTO $sale_columns VALUES " . sale() . ' ON CONFLICT (id) DO UPDATE SET ' . $sale_set }],
    [4, sub { "INSERT INTO $sale_columns SELECT id + " . one_of(1, 37) . ', at, event, wallet, price, ok FROM sale '
              . 'WHERE ' . sale_where() . ' ON CONFLICT DO NOTHING' }],
    [14, sub { 'UPDATE sale SET ' . sale_change() . ' WHERE ' . sale_where() }],
    [2, sub { 'UPDATE sale SET id = id + ' . one_of(1, 600) . ' WHERE id = ' . id() }],
    [6, sub { 'DELETE FROM sale WHERE ' . sale_where() }],
    [4, sub { my $id = id(); "WITH gone AS (DELETE FROM sale WHERE id BETWEEN $id AND $id + 5 RETURNING *) "
              . "INSERT INTO $sale_columns SELECT id + 100, at, event, wallet, price, ok FROM gone "
              . 'ON CONFLICT DO NOTHING' }],
    [4, sub { "WITH made AS (INSERT INTO $sale_columns VALUES " . sale() . ' ON CONFLICT DO NOTHING RETURNING id) '
              . 'INSERT INTO prediction SELECT id, 1, true FROM made' }],
    [5, sub { 'MERGE INTO sale AS s USING (VALUES '
              . join(', ', map { sprintf '(%d, %s::timestamptz, %d)', $_ * 200 + rand 200, moment(), 1 + rand 12 }
                           0 .. 4)
              . ') AS v(id, at, event) ON s.id = v.id WHEN MATCHED AND v.event > 9 THEN DELETE '
              . 'WHEN MATCHED THEN UPDATE SET event = v.event, at = v.at '
              . 'WHEN NOT MATCHED THEN INSERT (id, at, event, wallet, price, ok) VALUES (v.id, v.at, v.event, '
              . wallet() . ', 5, true)' }],
    [4, sub { "COPY $sale_columns FROM stdin" }],
    [12, sub { 'INSERT INTO prediction VALUES ' . list(8, \&prediction) }],
    [6, sub { 'UPDATE prediction SET ' . one_of('blocked = ' . flag(), 'model = ' . int rand 3, 'sale = sale + 1')
              . ' WHERE sale IN ' . ids() }],
    [5, sub { 'DELETE FROM prediction WHERE ' . one_of('sale IN ' . ids(), 'sale % 31 = ' . int rand 31) }],
    [2, sub { 'DELETE FROM prediction AS p USING sale AS s WHERE s.id = p.sale AND s.wallet = ' . wallet() }],
    [2, sub { 'INSERT INTO event VALUES (' . (1 + int rand 14) . ', ' . region() . ", 'new') "
              . 'ON CONFLICT (id) DO UPDATE SET region = excluded.region' }],
    [2, sub { 'UPDATE event SET ' . one_of('region = ' . region(), "title = 'other'") . ' WHERE id = '
              . (1 + int rand 14) }],
    [1, sub { 'DELETE FROM event WHERE id = ' . (1 + int rand 14) }],
    [6, sub { 'INSERT INTO reading VALUES ' . list(8, \&reading) }],
    [2, sub { my $day = 1 + int rand 3;
              "INSERT INTO reading_$day VALUES ('2026-01-0$day 05:00', " . (int rand 9) . ', 1)' }],
    [3, sub { "UPDATE reading SET at = at + interval '20 hours' WHERE at < '2026-01-03 03:00' AND value % 29 = "
              . int rand 29 }],
    [4, sub { 'UPDATE ' . one_of('reading', 'reading_1') . ' SET ' . one_of('sensor = sensor + 1', 'value = value - 1')
              . ' WHERE value % 29 = ' . int rand 29 }],
    [3, sub { 'DELETE FROM ' . one_of('reading', 'reading_3') . ' WHERE value % 23 = ' . int rand 23 }],
);
my @harsh_statements = (
    [0.3, sub { 'TRUNCATE ' . one_of('prediction', 'reading_3', 'sale', 'reading') }],
    [0.4, sub { 'ALTER TABLE ' . one_of('sale ALTER spare TYPE ' . one_of('bigint', 'int'),
                                        'prediction ALTER model TYPE int USING model + 0') }],
    [0.2, sub { 'ALTER TABLE reading DETACH PARTITION reading_3; '
                . "INSERT INTO reading_3 VALUES ('2026-01-03 07:00', 3, 3); "
                . "ALTER TABLE reading ATTACH PARTITION reading_3 FOR VALUES FROM ('2026-01-03') TO ('2026-01-04')" }],
);

sub pick {
    my $total = 0;
    $total += $_->[0] for @_;
    my $at = rand $total;
    for (@_) {
        return $_->[1]->() if ($at -= $_->[0]) < 0;
    }
    return $_[-1][1]->();
}

sub statement {
    my $text = pick(@statements, $harsh ? @harsh_statements : ());
    return "$text;\n" unless $text =~ /^COPY/;
    my $rows = join '', map { sale() . "\n" } 1 .. 1 + int rand 5;
    $rows =~ s/[()']//g;
    $rows =~ s/, /\t/g;
    $rows =~ s/NULL/\\N/g;
    return "$text;\n$rows\\.\n";
}

sub pause { chance(0.1) ? sprintf("SELECT pg_sleep(%.3f) \\g /dev/null\n", rand 0.05) : '' }

sub some_statements { join '', map { statement() . pause() } 1 .. 1 + int rand 4 }

# Part of it undone, or done again.
sub with_savepoint {
    my $undone = "SAVEPOINT s;\n" . some_statements() . one_of("ROLLBACK TO s;\n", "ROLLBACK TO s;\n", "RELEASE s;\n");
    return chance(0.3) ? "SAVEPOINT outer_one;\n" . some_statements() . $undone . "ROLLBACK TO outer_one;\n" : $undone;
}

sub settings {
    ($harsh && chance(0.1) ? 'SET LOCAL pg_etl.rollup_log_rows = ' . one_of(0, 1, 3) . ";\n" : '')
        . (chance(0.04) ? "SET LOCAL pg_etl.erasing = on;\n" : '')
        . (chance(0.05) ? "SET LOCAL timezone = 'Asia/Kathmandu';\nSET LOCAL datestyle = 'German';\n" : '')
        . (chance(0.05) ? "SET LOCAL search_path = pg_temp, public;\n" : '');
}

my $prepared = 0;
sub transaction {
    return statement() if chance(0.3);
    my $level = one_of('', '', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE');
    my $body = "BEGIN$level;\n" . settings()
        . join '', map { chance(0.35) ? with_savepoint() : some_statements() } 1 .. 1 + int rand 3;
    return "${body}ROLLBACK;\n" if chance(0.12);
    return "${body}COMMIT;\n" unless chance(0.08);
    my $name = "'${seed}_" . ++$prepared . "'";
    return "${body}PREPARE TRANSACTION $name;\n" . pause() . (chance(0.3) ? transaction() : '')
        . one_of("COMMIT PREPARED $name;\n", "COMMIT PREPARED $name;\n", "ROLLBACK PREPARED $name;\n");
}

my @rollups = qw(hourly by_event by_event_most by_event_blocked by_region by_wallet by_wallet_in_region nested readings
                 readings_by_day recent daily monthly);

sub refresh {
    my $how = one_of('', '', '', '', '', ", max_runtime => '5 ms'", ", mode => 'recompute'", ', dry_run => true');
    my $call = sprintf "CALL etl.refresh_rollup('%s', %d, newest_first => %s%s, as_of => '2026-01-%02d');\n",
        one_of(@rollups), one_of(1, 3, 20, 10000), one_of('true', 'false'), $how, 2 + int rand 3;
    return $call if chance(0.75);
    return "CALL etl.refresh_all(max_groups => 50);\n" if chance(0.3);
    return "SELECT etl.mark_dirty('" . one_of(@rollups) . "') \\g /dev/null\n" if $harsh && chance(0.1);
    return "SELECT etl.mark_dirty('by_event', 'event < " . int(rand 14) . "') \\g /dev/null\n" if chance(0.1);
    return 'BEGIN' . one_of('', ' ISOLATION LEVEL REPEATABLE READ') . ";\n$call" . pause()
        . one_of("COMMIT;\n", "ROLLBACK;\n");
}

# Tells what a live view has wrong. To a snapshot from before TRUNCATE and the like a table is empty.
sub look {
    return "SELECT pg_sleep(0.1) \\g /dev/null\n" if $harsh;
    return "SELECT * FROM live_differences('" . one_of(grep { !/recent|daily|monthly/ } @rollups) . "');\n";
}

# Between PREPARE and COMMIT PREPARED a session may wait for itself.
sub write_script {
    my ($make) = @_;
    print "SET lock_timeout = '300 ms';\n";
    print $make->() . pause() for 1 .. $count;
}
my %roles = (writer => \&transaction, refresher => \&refresh, reader => \&look);
write_script($roles{$role});
