using System.Text.Json;
using Backup.Cli.Serving;
using Backup.Core.Machine;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Status;
using Backup.Tests.Support;
using Microsoft.Playwright;

namespace Backup.Cli.Tests.Serving;

/// <summary>
/// The status page in the machine's own Chromium: each state, wide and narrow, light and dark. Pictures of all of them are left in artifacts/pages for people to look at.
/// </summary>
public sealed class BrowserTests : IAsyncLifetime
{
    private const string Chromium = "/usr/bin/chromium";
    private const string Token = "hunter2hunter2hunter2";

    /// <summary>Texts whose colour is too near to what is behind them, as "ratio: text". Colours are drawn and read back, since computed styles may mix them.</summary>
    private const string LowContrast = """
        () => {
          const pixel = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
          const draw = colors => { pixel.clearRect(0, 0, 1, 1); for (const c of colors) { pixel.fillStyle = c; pixel.fillRect(0, 0, 1, 1); } return [...pixel.getImageData(0, 0, 1, 1).data]; };
          const light = ([r, g, b]) => { const f = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
          const bad = [];
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (texts.nextNode()) {
            const e = texts.currentNode.parentElement;
            if (!texts.currentNode.data.trim() || !e.checkVisibility()) continue;
            const behind = [];
            for (let a = e; a; a = a.parentElement) behind.unshift(getComputedStyle(a).backgroundColor);
            const [x, y] = [light(draw(behind)), light(draw([...behind, getComputedStyle(e).color]))];
            const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
            if (ratio < 4.5) bad.push(ratio.toFixed(2) + ': ' + texts.currentNode.data.trim());
          }
          return bad;
        }
        """;

    private static readonly string _pictures = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "pages")).FullName;

    private readonly List<Work> _asked = [];
    private readonly List<string> _complaints = [];
    private ServiceStatus _status = StatusScenes.Healthy();
    private StatusServer _server = null!;
    private IPlaywright? _playwright;
    private IBrowser _browser = null!;

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Chromium)) PostgresFixture.SkipOrFail($"{Chromium} is missing.", "apt-get install chromium");
        var machine = MachineEnvironment.Read() with { Variables = new Dictionary<string, string> { ["TOKEN"] = Token } };
        _server = await StatusServer.StartAsync(ListenAddress.Parse("127.0.0.1:0", false, []), () => _status, _asked.Add, ActionToken.Read("${TOKEN}", machine), TimeProvider.System, _complaints.Add, CancellationToken.None);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"], Timeout = 120_000 });
    }

    public async ValueTask DisposeAsync()
    {
        if (_playwright is null) return;
        await _browser.DisposeAsync();
        _playwright.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("healthy")]
    [InlineData("failing")]
    [InlineData("large")]
    public async Task Every_state_fits_wide_and_narrow_light_and_dark_with_nothing_from_elsewhere(string scene)
    {
        _status = scene switch { "empty" => StatusScenes.Empty(), "healthy" => StatusScenes.Healthy(), "failing" => StatusScenes.Failing(), _ => StatusScenes.Large() };
        var database = _status.Policy.Databases[^1].Name;
        foreach (var width in (int[])[1280, 390])
        {
            foreach (var scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
            {
                await using var context = await _browser.NewContextAsync(new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = 900 }, ColorScheme = scheme });
                foreach (var path in (string[])["", $"database/{database}"])
                {
                    var page = await OpenAsync(context, path);
                    var what = $"{scene}-{(path.Length == 0 ? "all" : "one")}-{width}-{scheme.ToString().ToLowerInvariant()}";
                    await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(_pictures, what + ".png"), FullPage = scene != "large" });
                    Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= width, $"{what} scrolls sideways");
                    Assert.Empty(await page.EvaluateAsync<string[]>(LowContrast));
                    Assert.Equal(scheme == ColorScheme.Dark, await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)");
                    await page.CloseAsync();
                }
            }
        }

        Assert.Empty(_complaints);
    }

    [Fact]
    public async Task The_keyboard_reaches_everything_in_the_order_of_the_page_and_shows_where_it_is()
    {
        await using var context = await _browser.NewContextAsync(new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = 1280, Height = 900 } });
        foreach (var path in (string[])["", "database/shop"])
        {
            var page = await OpenAsync(context, path);
            var reachable = await page.EvaluateAsync<int>("document.querySelectorAll('a, button, input:not([type=hidden], [hidden])').length");
            Assert.True(reachable >= 3);
            var order = new List<int>();
            for (var i = 0; i < reachable; i++)
            {
                await page.Keyboard.PressAsync("Tab");
                order.Add(await page.EvaluateAsync<int>("[...document.querySelectorAll('a, button, input:not([type=hidden], [hidden])')].indexOf(document.activeElement)"));
                Assert.NotEqual("none", await page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
            }

            Assert.Equal(Enumerable.Range(0, reachable), order);
        }
    }

    [Fact]
    public async Task A_person_types_the_token_presses_a_button_and_reads_what_was_asked_for()
    {
        await using var context = await _browser.NewContextAsync();
        var page = await OpenAsync(context, "");
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "shop" }).First.ClickAsync();
        await page.GetByLabel("Token").FillAsync(Token);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Back up now" }).ClickAsync();
        await page.GetByRole(AriaRole.Status).WaitForAsync();
        Assert.Equal("Asked for: backup. It begins as soon as its turn comes; this page shows it under Now when it is loaded again.", await page.GetByRole(AriaRole.Status).InnerTextAsync());
        Assert.Equal([new Work(WorkKind.Backup, "shop")], _asked);
        Assert.Empty(await context.CookiesAsync());
        Assert.DoesNotContain(Token, await page.ContentAsync(), StringComparison.Ordinal);
    }

    private async Task<IPage> OpenAsync(IBrowserContext context, string path)
    {
        var page = await context.NewPageAsync();
        page.Console += (_, message) => _complaints.Add($"console: {message.Text}");
        page.PageError += (_, error) => _complaints.Add($"error: {error}");
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(_server.Address.ToString(), StringComparison.Ordinal)) _complaints.Add($"request: {request.Url}");
        };
        var answer = await page.GotoAsync(new Uri(_server.Address, path).ToString(), new PageGotoOptions { Timeout = 60_000 });
        Assert.Equal(200, answer!.Status);
        return page;
    }
}
