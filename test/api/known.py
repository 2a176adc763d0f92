"""How known APIs tell their pages, each as its own documentation has it: /KEY/known/NAME?n=25. Pages have ten records.
Parameters, and members of a body, that such an API does not take are answered with 400, as those do that check them."""

import base64
import json
import urllib.parse

from wire import Reply

SIZE = 10


class Asked:
    """A request, and the page that it asks for."""

    def __init__(self, request):
        self.request, self.params = request, request.params
        self.body = json.loads(request.body) if request.body else {}
        self.n = int(self.params.get("n", 25))

    def page(self, start, record=lambda i: {"id": i}):
        """The records from a place on, and whether more follow."""
        return [record(i + 1) for i in range(start, min(start + SIZE, self.n))], start + SIZE < self.n

    def number(self, name, default=0):
        return int(self.params.get(name, default))

    def url(self, **changed):
        query = urllib.parse.urlencode({"n": self.n, **changed})
        return f"{self.request.origin}{self.request.path}?{query}"


class Refused(Exception):
    pass


def token(start):
    return base64.b64encode(f"from {start}".encode()).decode()


def start_of(text):
    if text in (None, ""):
        return 0
    if not isinstance(text, str):
        raise Refused(f"a cursor is a text, not {text!r}")
    try:
        return int(base64.b64decode(text, validate=True).decode().removeprefix("from "))
    except ValueError:
        raise Refused(f"unknown cursor {text!r}") from None


def with_next(body, more, **members):
    """The members only where there are more pages."""
    return {**body, **members} if more else body


# ---- APIs: (parameters or members that they take, answer), which gives a body, or a body and headers

def stripe(asked):
    last = asked.params.get("starting_after", "cus_0")
    records, more = asked.page(int(last[4:]), lambda i: {"id": f"cus_{i}"})
    return {"object": "list", "url": "/v1/customers", "has_more": more, "data": records}


def odata(asked):
    start = asked.number("$skiptoken")
    records, more = asked.page(start)
    return with_next({"@odata.context": "$metadata#Products", "value": records}, more,
                     **{"@odata.nextLink": asked.url(**{"$skiptoken": start + SIZE})})


def sharepoint(asked):
    start = asked.number("$skiptoken")
    records, more = asked.page(start)
    return {"d": with_next({"results": records}, more, __next=asked.url(**{"$skiptoken": start + SIZE}))}


def hal(asked):
    page = asked.number("page", 1)
    records, more = asked.page((page - 1) * SIZE)
    links = {"self": {"href": "/orders"}, "curies": [{"name": "ea", "href": "/rels/{rel}", "templated": True}]}
    return {"_links": with_next(links, more, next={"href": f"?page={page + 1}&n={asked.n}"}),
            "_embedded": {"ea:order": records}}


def spring(asked):
    page = asked.number("page")
    records, more = asked.page(page * SIZE)
    return {"content": records, "number": page, "size": SIZE, "totalElements": asked.n, "last": not more,
            "totalPages": -(-asked.n // SIZE), "pageable": {"offset": page * SIZE, "pageNumber": page}}


def ticketmaster(asked):
    page = asked.number("page")
    records, _ = asked.page(page * SIZE)
    told = {"size": SIZE, "totalElements": asked.n, "totalPages": -(-asked.n // SIZE), "number": page}
    return with_next({"_links": {"self": {"href": "/"}}, "page": told}, records, _embedded={"events": records})


def laravel(asked):
    page = asked.number("page", 1)
    records, more = asked.page((page - 1) * SIZE)
    links = [{"url": None, "label": "Previous", "active": False}, {"url": None, "label": "Next", "active": False}]
    return {"current_page": page, "data": records, "links": links, "per_page": SIZE, "total": asked.n,
            "last_page": -(-asked.n // SIZE), "next_page_url": asked.url(page=page + 1) if more else None}


def slack(asked):
    start = start_of(asked.params.get("cursor"))
    records, more = asked.page(start)
    return {"ok": True, "members": records, "response_metadata": {"next_cursor": token(start + SIZE) if more else ""}}


def notion(asked):
    start = start_of(asked.body.get("start_cursor"))
    records, more = asked.page(start)
    return {"object": "list", "results": records, "has_more": more,
            "next_cursor": token(start + SIZE) if more else None}


def hubspot(asked):
    start = asked.number("after")
    records, more = asked.page(start)
    return with_next({"results": records}, more, paging={"next": {"after": str(start + SIZE)}})


def zendesk(asked):
    start = start_of(asked.params.get("page[after]"))
    records, more = asked.page(start)
    return {"tickets": records, "meta": {"has_more": more, "after_cursor": token(start + SIZE)},
            "links": {"next": asked.url(**{"page[after]": token(start + SIZE)})}}


def elasticsearch(asked):
    after = asked.body.get("search_after", [0, ""])
    if not isinstance(after, list):
        raise Refused("[search_after] must be an array")
    records, _ = asked.page(after[0], lambda i: {"_id": str(i), "sort": [i, "a"]})
    return {"took": 1, "hits": {"total": {"value": asked.n, "relation": "eq"}, "hits": records}}


def graphql(asked):
    start = start_of(asked.body["variables"].get("after"))
    records, more = asked.page(start, lambda i: {"cursor": token(i), "node": {"id": i}})
    info = {"endCursor": token(start + len(records)), "hasNextPage": more}
    return {"data": {"sales": {"edges": records, "pageInfo": info}}}


def eventbrite(asked):
    start = start_of(asked.params.get("continuation"))
    records, more = asked.page(start)
    told = {"object_count": asked.n, "page_number": start // SIZE + 1, "page_size": SIZE, "has_more_items": more}
    return {"pagination": with_next(told, more, continuation=token(start + SIZE)), "events": records}


def x(asked):
    start = start_of(asked.params.get("pagination_token"))
    records, more = asked.page(start)
    meta = with_next({"result_count": len(records)}, more, next_token=token(start + SIZE))
    return with_next({"meta": meta}, records, data=records)


def airtable(asked):
    start = start_of(asked.params.get("offset"))
    records, more = asked.page(start)
    return with_next({"records": records}, more, offset=token(start + SIZE))


def salesforce(asked):
    start = start_of(urllib.parse.unquote(asked.request.path.partition("/query/")[2]))
    records, more = asked.page(start)
    here = asked.request.path.partition("/query/")[0]
    place = urllib.parse.quote(token(start + SIZE), safe="")
    return with_next({"totalSize": asked.n, "done": not more, "records": records}, more,
                     nextRecordsUrl=f"{here}/query/{place}?n={asked.n}")


def postgrest(asked):
    start = asked.number("offset")
    records, _ = asked.page(start)
    return records, [("Content-Range", f"{start}-{start + len(records) - 1}/*" if records else "*/*")]


def couchdb(asked):
    start = start_of(asked.body.get("bookmark"))
    records, _ = asked.page(start)
    return {"docs": records, "bookmark": token(start + len(records))}


def google(asked):
    start = start_of(asked.params.get("pageToken"))
    records, more = asked.page(start)
    body = with_next({"kind": "calendar#events"}, records, items=records)  # lists without elements are left out
    return with_next(body, more, nextPageToken=token(start + SIZE))


def facebook(asked):
    start = start_of(asked.params.get("after"))
    records, more = asked.page(start)
    paging = with_next({"cursors": {"after": token(start + SIZE)}}, more, next=asked.url(after=token(start + SIZE)))
    return with_next({"data": records}, records, paging=paging)


def asana(asked):
    start = start_of(asked.params.get("offset"))
    records, more = asked.page(start)
    told = {"offset": token(start + SIZE), "uri": asked.url(offset=token(start + SIZE))}
    return {"data": records, "next_page": told if more else None}


def dynamodb(asked):
    start = int(asked.body.get("ExclusiveStartKey", {"id": {"N": "0"}})["id"]["N"])
    records, more = asked.page(start, lambda i: {"id": {"N": str(i)}})
    return with_next({"Count": len(records), "Items": records}, more, LastEvaluatedKey={"id": {"N": str(start + SIZE)}})


def gitlab(asked):
    start = asked.number("id_after")
    records, _ = asked.page(start)
    return records, [("Link", f'<{asked.url(id_after=start + SIZE)}>; rel="next"')] if records else []


def okta(asked):
    start = asked.number("after")
    records, more = asked.page(start)
    links = [("Link", f'<{asked.url(after=start)}>; rel="self"')]
    return records, links + ([("Link", f'<{asked.url(after=start + SIZE)}>; rel="next"')] if more else [])


def jira(asked):
    start = asked.number("startAt")
    records, _ = asked.page(start)
    return {"startAt": start, "maxResults": SIZE, "total": asked.n, "issues": records}


TAKEN = {
    stripe: "starting_after", odata: "$skiptoken", sharepoint: "$skiptoken", hal: "page", spring: "page",
    ticketmaster: "page", laravel: "page", slack: "cursor", notion: "start_cursor page_size", hubspot: "after",
    zendesk: "page[after]", elasticsearch: "search_after sort size", graphql: "query variables",
    eventbrite: "continuation", x: "pagination_token", airtable: "offset", salesforce: "q", postgrest: "offset limit",
    couchdb: "selector bookmark", google: "pageToken", facebook: "after", asana: "offset",
    dynamodb: "TableName ExclusiveStartKey", gitlab: "id_after", okta: "after", jira: "startAt"}
APIS = {answer.__name__: answer for answer in TAKEN}


def reply(request):
    name = request.path.partition("/known/")[2].partition("/")[0]
    asked, status, headers = Asked(request), 200, []
    try:
        strange = sorted((set(asked.params) | set(asked.body)) - {"n"} - set(TAKEN[APIS[name]].split()))
        if strange:
            raise Refused(f"unknown parameter {strange[0]}")
        body = APIS[name](asked)
        body, headers = body if isinstance(body, tuple) else (body, [])
    except Refused as refusal:
        status, body = 400, {"error": str(refusal)}
    return Reply(status, [("Content-Type", "application/json"), *headers], json.dumps(body) + "\n")
