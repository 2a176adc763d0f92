# Writes what one session of extract_table_writers.t does, as a script for psql:
#
#   perl extract_table_writer.pl SEED COUNT
#
# The same seed gives the same transactions; what they come to depends on what the others do meanwhile.
use strict;
use warnings;

my ($seed, $count) = @ARGV;
srand($seed);

sub chance { rand() < $_[0] }
sub id { int rand 300 }
sub nap { chance(0.4) ? sprintf('SELECT FROM pg_sleep(%.3f);', rand(chance(0.1) ? 0.5 : 0.05)) . "\n" : '' }

sub entry { "INSERT INTO entry (note) VALUES ('$seed')" . (chance(0.3) ? ", ('b'), ('c')" : '') . ";\n" }

sub ticket {
    my $id = id();
    my $high = $id + int rand 10;
    return "DELETE FROM ticket WHERE id = $id;\n" if chance(0.2);
    return "UPDATE ticket SET note = '$seed', at = now() WHERE id BETWEEN $id AND $high;\n" if chance(0.5);
    return "UPDATE ticket SET id = (id + 151) % 300, at = now() WHERE id = $id"
        . " AND NOT EXISTS (SELECT FROM ticket AS t WHERE t.id = ($id + 151) % 300);\n" if chance(0.2);
    return "INSERT INTO ticket (id, note) SELECT $id, '$seed' WHERE NOT EXISTS (SELECT FROM ticket WHERE id = $id);\n";
}

sub change { chance(0.5) ? entry() : ticket() }

for my $n (1 .. $count) {
    print 'BEGIN', (chance(0.2) ? ' ISOLATION LEVEL REPEATABLE READ' : ''), ";\n";
    print 'SELECT now() IS NULL;', "\n", nap() if chance(0.3);
    for my $step (1 .. 1 + int rand 4) {
        if (chance(0.3)) {
            print "SAVEPOINT s;\n", change(), nap(), change();
            print chance(0.3) ? "ROLLBACK TO s;\n" : "RELEASE s;\n";
        }
        else { print change(), nap() }
    }
    print chance(0.1) ? "PREPARE TRANSACTION '$seed $n';\n" : chance(0.15) ? "ROLLBACK;\n" : "COMMIT;\n";
    print "ROLLBACK;\n"; # where it has failed
}
