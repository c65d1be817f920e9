"""What a person sees when a page can't be shown: a sentence and the trace id, never a traceback."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language

from chuanyu.core.text import Text

WORDS = {400: "bad_request", 403: "forbidden", 404: "not_found", 500: "failed"}  # for programs
TITLES = {
    400: Text("这个请求无法识别", "This request could not be understood"),
    403: Text("您不能打开这个页面", "You may not open this page"),
    404: Text("没有找到这个页面", "There is no such page"),
    500: Text("系统出了问题", "Something went wrong on our side"),
}
SENTENCES = {
    400: Text("请返回上一页重试。如果仍然不行，请记下追踪号联系窗口。", "Please go back and try again."),
    403: Text("您登录的身份没有这项权限，或者页面已经过期。", "Your role does not allow it, or the page has expired."),
    404: Text("网址可能写错了，或者内容已经移走。", "The address may be mistyped, or the content has moved."),
    500: Text("您的操作没有生效，数据没有改变。请稍后再试。", "Nothing was changed. Please try again in a moment."),
}


def page(request: HttpRequest, status: int, *, sentence: Text | None = None) -> HttpResponse:
    """The error page for `status`, or the same as JSON under /api/."""
    trace = getattr(request, "trace", "")
    title, text = TITLES[status], sentence or SENTENCES[status]
    if request.path.startswith("/api/"):
        words = {"zh": f"{title.zh}。{text.zh}", "en": f"{title.en}. {text.en}"}
        return JsonResponse({"error": WORDS[status], "text": words, "trace": trace}, status=status)
    language = get_language() or "zh-hans"
    context = {"title": title.say(language), "sentence": text.say(language), "trace": trace, "status": status}
    # when something broke, nothing is asked of the database or the session again
    template = "broken.html" if status == 500 else "error.html"
    return render(request, template, {**context, "language": language}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return page(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is missing or old: the commonest reason is a page left open since before signing in."""
    return page(
        request,
        403,
        sentence=Text(
            "这张表单已经过期，内容没有提交。请刷新页面再填一次。",
            "This form had expired and was not sent. Please reload the page and fill it in again.",
        ),
    )
