"Dev sets for the device; not committed."
from scoreboard_sets import *
import scoreboard_sets as S
def cut(panel, months):
    return until(panel, months-1) if months < panel.sizes["month"] else panel
def dev(name, panel, most, months, horizon):
    return of_panel(name, cut(panel, months), most, horizon, 1)
def cp(folder):
    table = pd.read_csv(folder / "carparts_1998-01_2001-03.csv", index_col=0).dropna(axis=1)
    return monthly(table.to_numpy().T, "1998-01-01", True)
def au(folder):
    table = pd.read_excel(folder / "AUTO.xls", sheet_name="GOEIE", header=None)
    return monthly(table.iloc[1:, 1:25].to_numpy(float), "2015-01-01", True)
def m5p(folder):
    table = pd.read_csv(folder / "m5_foods1_monthly_2011-02_2015-03.csv", index_col=0)
    return monthly(table.to_numpy().T, "2011-02-01", False)
def prs(folder):
    table = pd.read_csv(folder / "onec_sales_2013_2014.csv.gz")
    columns = dict(index=["shop_id", "item_id"], columns="date_block_num", values="item_cnt_day")
    return monthly(table.pivot_table(**columns, aggfunc="sum", fill_value=0).to_numpy(), "2013-01-01", False)
def mu(months, horizon):
    def f(folder, most):
        shop = make_shop(titles=1200, months=months, seed=11)
        ledger = build_ledger(read_sources(shop.stock, [shop.sales]), shop.snapshot_date)
        panel = cut_panel(ledger)
        return of_panel(f"dev made-up {months}/{horizon}", panel, most, horizon, 1)
    return f
DEV = {
 "d_cp27": lambda f,m: dev("dev car parts 15>12", cp(f), 1500, 27, 12),
 "d_cp21": lambda f,m: dev("dev car parts 15>6", cp(f), 1500, 21, 6),
 "d_cp12": lambda f,m: dev("dev car parts 9>3", cp(f), 1500, 12, 3),
 "d_m32": lambda f,m: dev("dev M5 20>12", m5p(f), m, 32, 12),
 "d_m38": lambda f,m: dev("dev M5 26>12", m5p(f), m, 38, 12),
 "d_m12": lambda f,m: dev("dev M5 9>3", m5p(f), m, 12, 3),
 "d_au12": lambda f,m: dev("dev AUTO 9>3", au(f), 1500, 12, 3),
 "d_pr12": lambda f,m: dev("dev pairs 9>3", prs(f), 1500, 12, 3),
 "d_mu12": mu(12,3), "d_mu24": mu(24,12),
}
