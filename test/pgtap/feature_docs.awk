# Turns the ```sql blocks of a page of the documentation into a pgTAP script: a statement that ends in "; -- answer" is
# a query whose only value must be that answer; any other statement must run.
/^```sql$/ { inside = 1; next }
/^```$/ { inside = 0; next }
!inside { next }
{ statement = statement (statement == "" ? "" : "\n") $0 }
/;$/ { print statement; statement = "" }
match($0, /; -- .*$/) {
    answer = substr($0, RSTART + 5)
    query = substr(statement, 1, length(statement) - RLENGTH)
    printf "SELECT is((%s)::text, $docs$%s$docs$, $docs$%s$docs$);\n", query, answer, query
    statement = ""
}
END { if (statement != "") { print "SELECT fail($docs$" statement " has no end$docs$);" } }
