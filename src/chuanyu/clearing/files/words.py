"""What is said about files and rows, in both languages. Each is (code, Text)."""

from chuanyu.clearing.actions import ClearingError
from chuanyu.core.text import Text

# about a file: nothing of it is kept
NO_SERVICE = ClearingError("not_found", Text("没有这项收文件的服务。", "There is no such service that takes files."))
NOT_YOURS = ClearingError(
    "not_allowed",
    Text(
        "只有本节点的承办单位可以上传这项服务的文件。", "Only the service's agency at this node may upload its files."
    ),
)
TOO_LARGE = ClearingError(
    "too_large", Text("文件过大，请按日或按线路拆分。", "The file is too large: split it by day or by line.")
)
NOT_THIS_FILE = ClearingError(
    "not_this_file",
    Text(
        "大部分行不能读，这不是这项服务的文件；没有保留任何内容。",
        "Most of its lines can't be read: it is no file of this service. Nothing of it was kept.",
    ),
)
EMPTY = ClearingError("empty", Text("文件里没有记录。", "There is no row in the file."))
NOT_TEXT = ClearingError("not_text", Text("文件不是 UTF-8 编码的 CSV。", "The file is no CSV in UTF-8."))
BAD_GZIP = ClearingError("bad_gzip", Text("压缩文件不完整。", "The compressed file is not whole."))
NO_REASON = ClearingError("no_reason", Text("请写明原因。", "Say why."))
NOT_HELD = ClearingError(
    "not_held", Text("这些记录里有的已经处理，或不在本节点。", "Some of these rows are decided already, or not here.")
)
NO_PRICE = ClearingError(
    "no_price",
    Text(
        "有的记录按规则不能计价，只能作废。",
        "The rules give no price for some of these rows; they can only be dropped.",
    ),
)
NOT_OFFICER = ClearingError(
    "not_allowed", Text("只有本单位的负责人可以处理。", "Only an officer of the agency may do this.")
)
NOT_UNPAID = ClearingError("not_unpaid", Text("这一页没有待付的款项。", "There is nothing to pay for this page."))
NOT_ASIDE = ClearingError(
    "not_aside",
    Text("这个上传批次或这一页没有搁置的部分。", "Nothing of this upload or page was set aside."),
)
NOTHING_TO_PAY = ClearingError(
    "nothing_to_pay",
    Text("这一行在本节点没有应付的差额，应由对方付款。", "This node owes nothing for this line; the other side pays."),
)

# about a row
WIDTH = Text("列数与表头不符。", "It has not as many cells as the heading.")
UNREADABLE = Text("这一行不能读。", "The line can't be read.")
LINES = {"width": WIDTH, "unreadable": UNREADABLE}
NOT_YOUR_ROW = Text("不是本单位受理的记录，应由受理方上传。", "It was made at the other node, whose agency uploads it.")
TWICE = Text("同一记录已经计入。", "The same row counts already.")
REUSED = Text("同一编号的记录内容不同。", "A row with the same key has other content.")
NO_PARAMETER = Text("这一天没有适用的参数。", "No parameters hold on that day.")
FAILED = Text(
    "规则不能处理这条记录，技术人员可按编号查找原因。",
    "The rules can't deal with this row; a technician finds out why.",
)
NOT_OURS = Text("不是受理方与发卡方之间的记录。", "It is not between the agencies that sent and received the page.")
NOT_RELEASED = Text("需要核查的记录没有核查说明。", "It had to be looked at, and nobody says that it was.")
PRICE = Text("金额与规则计算的不符。", "The amount is not what the rules give.")
