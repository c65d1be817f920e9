"""Every page, by door."""

from django.urls import path

from chuanyu.portal import bills, design, files, switches
from chuanyu.portal.agency import agency, documents, mine, reference
from chuanyu.portal.counter import cashier, person, shift, slip, worklist, workspace
from chuanyu.portal.office import letters, overview, plan, ratings, report, scorecards
from chuanyu.portal.office.clearing import accounts, orders, prepayments, windows
from chuanyu.portal.office.clearing import overview as clearing
from chuanyu.portal.resident import (
    accesses,
    apply,
    cases,
    consents,
    delegates,
    eligible,
    guide,
    home,
    life,
    me,
    rate,
    statement,
    wallet,
)  # fmt: skip

app_name = "portal"
urlpatterns = [
    path("", home.home, name="home"),
    path("large-text/", switches.large_text, name="large_text"),
    path("design/", design.design, name="design"),
    # resident
    path("services/", home.services, name="services"),
    path("services/<slug:key>/", guide.guide, name="guide"),
    path("life/<slug:key>/", life.life, name="life"),
    path("services/<slug:key>/eligible/", eligible.eligible, name="eligible"),
    path("services/<slug:key>/apply/", apply.apply, name="apply"),
    path("services/<slug:key>/apply/facts/", apply.facts, name="facts"),
    path("services/<slug:key>/apply/discard/", apply.discard, name="discard"),
    path("services/<slug:key>/apply/check/", apply.check, name="check"),
    path("cases/", cases.my_cases, name="my_cases"),
    path("cases/<uuid:case>/", cases.tracker, name="tracker"),
    path("cases/<uuid:case>/sent/", apply.sent, name="sent"),
    path("cases/<uuid:case>/acts/<slug:name>/", cases.my_act, name="my_act"),
    path("cases/<uuid:case>/files/", cases.my_file, name="my_file"),
    path("accesses/", accesses.accesses, name="accesses"),
    path("me/", me.me, name="me"),
    path("messages/", me.messages, name="messages"),
    path("papers/", me.papers, name="papers"),
    path("money/", wallet.money, name="money"),
    path("money/<slug:service>/<slug:unit>/", wallet.purse, name="purse"),
    path("consents/", consents.overview, name="consents"),
    path("consents/<uuid:consent>/withdraw/", consents.withdraw, name="withdraw_consent"),
    path("delegates/", delegates.delegates, name="delegates"),
    path("delegates/new/", delegates.offer, name="offer"),
    path("delegates/act/", delegates.act, name="act_for"),
    path("delegates/<uuid:id_>/", delegates.delegation, name="delegation"),
    path("rate/<str:token>/", rate.rate, name="rate"),
    path("accessibility/", statement.accessibility, name="accessibility"),
    # counter
    path("counter/", worklist.worklist, name="worklist"),
    path("counter/counts/", worklist.counts, name="worklist_counts"),
    path("counter/today/", shift.shift, name="shift"),
    path("counter/cashier/", cashier.cashier, name="cashier"),
    path("counter/cashier/day/", cashier.takings, name="takings"),
    path("counter/cashier/<uuid:case>/acts/<slug:name>/", cashier.act, name="cashier_act"),
    path("counter/person/", person.person, name="person"),
    path("counter/person/<slug:key>/", person.apply, name="person_apply"),
    path("counter/person/<slug:key>/check/", person.check, name="person_check"),
    path("counter/<uuid:case>/", workspace.workspace, name="workspace"),
    path("counter/<uuid:case>/acts/<slug:name>/", workspace.act, name="act"),
    path("counter/<uuid:case>/slip/", slip.slip, name="slip"),
    path("counter/<uuid:case>/files/", workspace.file, name="file"),
    path("cases/<uuid:case>/bills/<slug:name>/", bills.bill, name="bill"),
    path("cases/<uuid:case>/receipts/<uuid:transfer>/", wallet.receipt, name="receipt"),
    path("files/<uuid:id_>/", files.download, name="download"),
    # agency
    path("agency/", agency.agency, name="agency"),
    path("agency/documents/", documents.documents, name="documents"),
    path("agency/documents/<slug:key>/<slug:name>/", documents.document, name="document"),
    path("agency/api/", reference.reference, name="reference"),
    path("agency/grants/", mine.grants, name="grants"),
    path("agency/keys/", mine.keys, name="keys"),
    path("agency/levels/", mine.levels, name="levels"),
    path("agency/messages/", mine.messages, name="exchanged"),
    # office
    path("plan/", plan.plan, name="plan"),
    path("office/", overview.office, name="office"),
    path("office/overdue/", overview.overdue, name="overdue"),
    path("office/letters/", letters.letters, name="letters"),
    path("office/services/", scorecards.scorecards, name="scorecards"),
    path("office/services/<slug:key>/", scorecards.scorecard, name="scorecard"),
    path("office/flows/", scorecards.flows, name="flows"),
    path("office/report/", report.report, name="report"),
    path("office/report.xlsx", report.workbook, name="workbook"),
    path("office/ratings/", ratings.ratings, name="ratings"),
    path("office/ratings/<uuid:id_>/", ratings.rating, name="rating"),
    # clearing
    path("clearing/", clearing.overview, name="clearing"),
    path("clearing/windows/", windows.windows, name="windows"),
    path("clearing/windows/<int:id_>/", windows.window, name="window"),
    path("clearing/orders/", orders.orders, name="orders"),
    path("clearing/orders/bank/", orders.bank_answers, name="bank_answers"),
    path("clearing/orders/<slug:number>/", orders.order, name="order"),
    path("clearing/prepayments/", prepayments.prepayments, name="prepayments"),
    path("clearing/accounts/", accounts.accounts, name="accounts"),
    path("clearing/accounts/<slug:agency>/<slug:service>/<path:name>/", accounts.account, name="account"),
]
