using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Lambda.Aws;
using Backup.Lambda.Events;
using Npgsql;

namespace Backup.Lambda.Rotation;

/// <summary>How long a pooler may go on with a password that has just changed, and how often it is asked: repeated refusals make some of them shut the door.</summary>
public sealed record RotationPatience(TimeSpan FirstPause, int Attempts)
{
    public static RotationPatience Standard { get; } = new(TimeSpan.FromSeconds(3), 5);
}

/// <summary>
/// The four steps of one rotation. Two roles take turns: the current one stays as it is, the other one gets a new password and becomes current. Every step can be
/// repeated at any time, and the current login works until, and after, the last one. Wherever a rotation stops, the password of the role in turn is that of AWSPREVIOUS or
/// that of the version labelled <see cref="SecretStore.Latest"/>: its repeat, or the next rotation, goes on from there.
/// </summary>
public sealed class RotationSteps(SecretStore secrets, RotationPatience patience, TimeProvider clock)
{
    /// <summary>Makes the next login: the other role, a new password. A login that is there already stays.</summary>
    public async Task<RotationResult> CreateAsync(string secret, string token, CancellationToken cancel)
    {
        var text = await CurrentTextAsync(secret, cancel);
        var current = SecretText.Parse(text, SecretStore.Called(secret));
        var role = BackupRoles.Other(current);
        if (await secrets.ValueAsync(secret, SecretStore.Pending, token, cancel) is { } there)
            return new RotationResult("createSecret", SecretText.Parse(there, SecretStore.Called(secret)).User, "the next login was made already");
        var previous = await PreviousAsync(secret, role, current, "createSecret", cancel);
        var inForce = await InForceAsync(secret, previous, cancel);
        await secrets.PutPendingAsync(secret, token, SecretText.WithLogin(text, role, inForce ?? BackupRoles.NewPassword(), SecretStore.Called(secret)), cancel);
        return new RotationResult("createSecret", role, inForce is null ? "the next login is made" : "the next login is the one that an unfinished rotation has set already");
    }

    /// <summary>
    /// The password that an earlier rotation gave this role before it stopped, or null. Only when AWSPREVIOUS is refused: a password that somebody replaced by hand
    /// must never come back.
    /// </summary>
    private async Task<string?> InForceAsync(string secret, ConnectionTarget previous, CancellationToken cancel)
    {
        if (await secrets.ValueAsync(secret, SecretStore.Latest, null, cancel) is not { } text) return null;
        var latest = SecretText.Parse(text, $"{SecretStore.Latest} of {SecretStore.Called(secret)}");
        if (latest.User != previous.User || await WorksAsync(previous, cancel)) return null;
        return await WorksAsync(previous with { Password = latest.Password }, cancel) ? latest.Password : null;
    }

    /// <summary>The role changes its own password, logged in with the one that it had two rotations ago.</summary>
    public async Task<RotationResult> SetAsync(string secret, string token, CancellationToken cancel)
    {
        var pending = await PendingAsync(secret, token, "setSecret", cancel);
        var current = SecretText.Parse(await CurrentTextAsync(secret, cancel), SecretStore.Called(secret));
        CheckPlace(pending, current, "setSecret");
        if (await WorksAsync(pending, cancel)) return new RotationResult("setSecret", pending.User, "its password was changed already");
        var previous = await PreviousAsync(secret, pending.User, current, "setSecret", cancel);
        try
        {
            await using var session = await Connector.OpenAsync(previous, "backup rotation", cancel);
            await BackupRoles.ChangeOwnPasswordAsync(session, previous, pending.Password!, cancel);
        }
        catch (BackupException e) when (IsRefusal(e))
        {
            // A second delivery of this step may have been faster.
            if (await WorksAsync(pending, cancel)) return new RotationResult("setSecret", pending.User, "its password was changed already");
            throw Lost("setSecret", secret, pending, "its stored password is refused", e);
        }
        catch (PostgresException e)
        {
            throw Failed("setSecret", pending.User, $"the server refused its new password: {e.MessageText}", "See what the server or its provider demands of passwords; then rotate again.", e);
        }

        return new RotationResult("setSecret", pending.User, "its password is changed");
    }

    /// <summary>
    /// Reads what a dump reads with the next login. Secrets Manager also calls this step alone, to try the function out, with a version that has no value of its own:
    /// then the current login is tried.
    /// </summary>
    public async Task<RotationResult> TestAsync(string secret, string token, DatabasePolicy? database, CancellationToken cancel)
    {
        var text = await secrets.ValueAsync(secret, SecretStore.Pending, token, cancel) ?? await CurrentTextAsync(secret, cancel);
        var target = SecretText.Parse(text, SecretStore.Called(secret));
        var pause = patience.FirstPause;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await LoginCheck.RunAsync(target, database?.ExcludeSchemas ?? [], cancel);
                return new RotationResult("testSecret", target.User, "it logs in and reads what a dump reads");
            }
            catch (BackupException e) when (attempt < patience.Attempts && (IsRefusal(e) || e.IsTransient))
            {
                await Task.Delay(pause, clock, cancel);
                pause *= 2;
            }
            catch (BackupException e)
            {
                throw Failed("testSecret", target.User, e.Message, e.NextStep, e);
            }
        }
    }

    /// <summary>The next login becomes the current one; the current one becomes the previous one, and works on.</summary>
    public async Task<RotationResult> FinishAsync(string secret, string token, CancellationToken cancel)
    {
        var pending = await PendingAsync(secret, token, "finishSecret", cancel);
        var stages = (await secrets.DescribeAsync(secret, cancel)).VersionIdsToStages;
        var current = stages.FirstOrDefault(v => v.Value.Contains(SecretStore.Current)).Key;
        await secrets.MoveAsync(secret, SecretStore.Current, current, token, cancel);
        await secrets.MoveAsync(secret, SecretStore.Pending, token, null, cancel); // a label that stays would look like a rotation in progress
        return new RotationResult("finishSecret", pending.User, "it is the current login");
    }

    private async Task<string> CurrentTextAsync(string secret, CancellationToken cancel) => await secrets.ValueAsync(secret, SecretStore.Current, null, cancel)
        ?? throw new BackupException(ErrorCode.SecretUnusable, $"{SecretStore.Called(secret)} has no value", $"Store both logins: backup secret set {secret}.");

    private async Task<ConnectionTarget> PendingAsync(string secret, string token, string step, CancellationToken cancel)
    {
        var text = await secrets.ValueAsync(secret, SecretStore.Pending, token, cancel)
            ?? throw Failed(step, "next in turn", "there is no next login", "createSecret comes first; start the rotation again: aws secretsmanager rotate-secret --secret-id NAME.", null);
        return SecretText.Parse(text, SecretStore.Called(secret));
    }

    private async Task<ConnectionTarget> PreviousAsync(string secret, string role, ConnectionTarget current, string step, CancellationToken cancel)
    {
        var text = await secrets.ValueAsync(secret, SecretStore.Previous, null, cancel)
            ?? throw Lost(step, secret, current with { User = role }, "there is no AWSPREVIOUS, which holds its password", null);
        var previous = SecretText.Parse(text, $"AWSPREVIOUS of {SecretStore.Called(secret)}");
        if (previous.User != role) throw Lost(step, secret, current with { User = role }, $"AWSPREVIOUS is the login of {previous.User}", null);
        CheckPlace(previous, current, step);
        return previous;
    }

    private static async Task<bool> WorksAsync(ConnectionTarget target, CancellationToken cancel)
    {
        try
        {
            await using var session = await Connector.OpenAsync(target, "backup rotation", cancel);
            return true;
        }
        catch (BackupException e) when (IsRefusal(e))
        {
            return false;
        }
    }

    private static bool IsRefusal(BackupException e) =>
        e.InnerException is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification };

    private static void CheckPlace(ConnectionTarget one, ConnectionTarget current, string step)
    {
        if (one.ToString() != current.ToString())
            throw Failed(step, one.User, $"its login is for {one}, the current one for {current}", "Store both logins of one database: backup secret set NAME.", null);
    }

    private static BackupException Lost(string step, string secret, ConnectionTarget place, string why, Exception? cause)
    {
        var role = TableName.Quote(place.User);
        return Failed(step, place.User, why,
            $"As an administrator of {place}, in psql: \\password {role} (or: ALTER ROLE {role} PASSWORD '…';), then store that login: backup secret set {secret} --previous, and rotate again.", cause);
    }

    private static BackupException Failed(string step, string role, string why, string nextStep, Exception? cause) =>
        new(ErrorCode.RotationFailed, $"{step} of role {role}: {why}; the current login still works", nextStep, cause) { IsTransient = cause is BackupException { IsTransient: true } };
}
